import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Client } from './client.js';
import { SENTINEL_KEY } from './leaks.js';

export const BIN = fileURLToPath(new URL('../../bin/agent-tars.js', import.meta.url));

export interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Leave the port to the configuration. */
  readonly configuredPort?: boolean;
  /** A command that starts it, such as nice(1), with its own arguments. */
  readonly through?: readonly string[];
  /** Is given the process before the server is ready. */
  readonly spawned?: (child: ChildProcess) => void;
}

/** No key of the machine that the tests run on may choose the model, and npm has started the tests, not the server. */
export function cleanEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/API_KEY|BASE_URL|^AGENT_TARS_|NODE_OPTIONS|^npm_/.test(name),
  );
  return { ...Object.fromEntries(kept), ...more };
}

/** The arguments of a server that keeps its data there, works in `workspace`, and asks the scripted model. */
export function placed(data: string, workspace: string, baseURL: string): string[] {
  return [
    ...['--data-dir', data, '--workspace', workspace],
    ...['--model.provider', 'openai-compatible', '--model.id', 'scripted'],
    ...['--model.baseURL', baseURL, '--model.apiKey', SENTINEL_KEY],
  ];
}

/** Runs the built command until it ends. */
export async function run(
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { through = [], ...rest } = options;
  const [command = '', ...before] = [...through, process.execPath, BIN];
  const child = spawn(command, [...before, ...args], { ...rest, env: cleanEnv(options.env) });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => (stdout += String(data)));
  child.stderr.on('data', (data) => (stderr += String(data)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** What a server prints when it is ready, and its address in it. @throws with what it said when it ends instead */
export async function greetingOf({ stdout, stderr }: ChildProcessByStdio<null, Readable, Readable>): Promise<{
  url: string;
  lines: string[];
  log: () => string;
}> {
  let complaints = '';
  stderr.on('data', (data) => (complaints += String(data)));
  const lines: string[] = [];
  for await (const line of createInterface(stdout)) {
    lines.push(line);
    if (/^\s*Data\s/.test(line)) break;
  }
  const url = lines.map((line) => /URL\s+(http\S+)/.exec(line)?.[1]).find(Boolean);
  if (!url) throw new Error(`The server did not start: ${lines.join('\n')} ${complaints}`);
  return { url, lines, log: () => complaints };
}

/** The built server in a process of its own, so that it can be killed. */
export class ServerProcess extends Client {
  private constructor(
    url: string,
    readonly child: ChildProcess,
    /** What it printed at start. */
    readonly greeting: readonly string[],
    /** What it has logged so far. */
    readonly log: () => string,
  ) {
    super(url);
  }

  /** Starts `agent-tars serve` with the arguments, on any free port unless one is given. */
  static async start(args: readonly string[], options: ProcessOptions = {}): Promise<ServerProcess> {
    const port = args.includes('--port') || options.configuredPort ? [] : ['--port', '0'];
    const child = ServerProcess.spawn([...port, ...args], options);
    options.spawned?.(child);
    const { url, lines, log } = await greetingOf(child);
    return new ServerProcess(url, child, lines, log);
  }

  /** Runs `agent-tars serve` without waiting for anything. */
  static spawn(
    args: readonly string[],
    options: ProcessOptions = {},
  ): ChildProcessByStdio<null, Readable, Readable> {
    const { through = [], ...rest } = options;
    const [command = '', ...before] = [...through, process.execPath, BIN, 'serve'];
    return spawn(command, [...before, ...args], {
      ...rest,
      env: cleanEnv(options.env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Ends it with a signal and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    this.close();
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const exit = once(this.child, 'exit') as Promise<[number | null]>;
    this.child.kill(signal);
    const [code] = await exit;
    return code;
  }
}

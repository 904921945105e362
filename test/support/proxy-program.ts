import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

/** The name that the guide's blocks are for. */
export const PROXY_NAME = 'tars.example.com';

export type ProxyKind = 'nginx' | 'caddy';

interface Program {
  /** The whole configuration around a block of the guide. */
  configure(block: string, port: number, directory: string): string;
  args(file: string, directory: string): string[];
  /** Printed once the port is taken. */
  readonly ready: RegExp;
}

const PROGRAMS: Readonly<Record<ProxyKind, Program>> = {
  nginx: {
    configure: (block, port, directory) => `
      ${userInfo().uid === 0 ? 'user root;' : ''}
      worker_processes 1;
      pid ${directory}/nginx.pid;
      error_log stderr notice;
      events {}
      http {
        access_log off;
        ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${directory}/${of};`).join('\n')}
        ${block.replace('listen 80;', `listen 127.0.0.1:${port};`)}
      }`,
    args: (file, directory) => ['-c', file, '-p', directory, '-e', 'stderr', '-g', 'daemon off;'],
    ready: /start worker process \d/,
  },
  caddy: {
    configure: (block, port) => {
      const sites = [PROXY_NAME, '127.0.0.1'].map((name) => `http://${name}:${port}`).join(', ');
      return `{\n\tadmin off\n\tdefault_bind 127.0.0.1\n}\n${block.replace(PROXY_NAME, sites)}`;
    },
    args: (file) => ['run', '--config', file, '--adapter', 'caddyfile'],
    ready: /serving initial configuration/,
  },
};

/** Whether this machine has the program. */
export function hasProxy(kind: ProxyKind): boolean {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return directories.some((directory) => existsSync(join(directory, kind)));
}

/** A real proxy before a server, configured by a block of the guide. */
export class ProxyProgram {
  private constructor(
    private readonly child: ChildProcess,
    private readonly directory: string,
    readonly port: number,
  ) {}

  /** @param block for a server on port 8888, whose place `upstream` takes */
  static async start(kind: ProxyKind, block: string, upstream: number): Promise<ProxyProgram> {
    const directory = await mkdtemp(join(tmpdir(), 'agent-tars-proxy-'));
    const [port, program, file] = [await freePort(), PROGRAMS[kind], join(directory, 'proxy.conf')];
    const moved = block.replaceAll('127.0.0.1:8888', `127.0.0.1:${upstream}`);
    await writeFile(file, program.configure(moved, port, directory));
    const PATH = `${process.env['PATH']}${delimiter}/usr/sbin`;
    const child = spawn(kind, program.args(file, directory), {
      env: { PATH, HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const proxy = new ProxyProgram(child, directory, port);
    const said: string[] = [];
    for await (const line of createInterface(child.stderr)) {
      said.push(line);
      if (program.ready.test(line)) {
        child.stderr.resume();
        return proxy;
      }
    }
    await proxy.stop();
    throw new Error(`${kind} did not start: ${said.join('\n')}`);
  }

  /** Where a browser of this machine finds it. */
  get url(): string {
    return `http://${PROXY_NAME}:${this.port}`;
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A port that was free a moment ago: neither program tells which it took for 0. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

/** What the servers get to see of the environment: no settings or keys of the person who runs the benchmark. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^AGENT_TARS_|_API_KEY$|^NODE_OPTIONS$/.test(name)),
);

/**
 * Starts a script that prints its URL once it listens.
 * @returns {Promise<{ url: string, pid: number, stop(): Promise<void> }>}
 */
export async function startServer(script, args = [], cwd = process.cwd()) {
  const child = spawn(process.execPath, [script, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  remember(child);
  return { url: await printedUrl(child), pid: child.pid, stop: () => stop(child) };
}

/**
 * Starts the load generator. It does one job at a time.
 * @returns {{ run(job: string, options: object, timeoutMs?: number): Promise<any>, stop(): Promise<void> }}
 */
export function startLoad(script) {
  const child = fork(script, { env });
  remember(child);
  let waiting;
  child.on('message', ({ error, result }) =>
    error ? waiting.reject(new Error(error)) : waiting.resolve(result),
  );
  child.once('exit', () => waiting?.reject(new Error('The load generator has died.')));
  const run = (job, options, timeoutMs = 90_000) =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      setTimeout(() => reject(new Error(`${job} took longer than ${timeoutMs} ms.`)), timeoutMs).unref();
      child.send({ job, options });
    });
  return { run, stop: () => stop(child) };
}

function remember(child) {
  running.add(child);
  child.once('exit', () => running.delete(child));
}

function printedUrl(child) {
  return new Promise((resolve, reject) => {
    let output = '';
    const read = (text) => {
      output += text;
      const url = /https?:\/\/[\w.:[\]]+(?=\s)/.exec(output)?.[0];
      if (url) resolve(url);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', (text) => {
      output += text;
      process.stderr.write(text);
    });
    child.once('exit', () => reject(new Error(`It did not start: ${output}`)));
    setTimeout(() => reject(new Error(`It did not print its URL: ${output}`)), START_TIMEOUT_MS).unref();
  });
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  child.kill('SIGTERM');
  await gone;
  clearTimeout(timer);
}

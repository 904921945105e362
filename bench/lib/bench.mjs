import { rmSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startLoad, startServer } from './processes.mjs';
import { cpuMs } from './procfs.mjs';
import { medians } from './stats.mjs';

const file = (path) => fileURLToPath(new URL(path, import.meta.url));

/** How long a server may still be busy with what it has answered, before its CPU time is read. */
const SETTLE_MS = 100;

/** @typedef {{ name: 'ours' | 'floor', url: string, pid: number, stop(): Promise<void> }} Target */

/** The processes of one run of the benchmark, and how things are measured with them. */
export class Bench {
  #started = 0;
  #pair;

  /** @param {boolean} quick fewer rounds of smaller sizes: a look, not a result */
  static async open(quick) {
    const bench = new Bench();
    bench.quick = quick;
    bench.directory = await mkdtemp(join(tmpdir(), 'bench-'));
    process.once('exit', () => rmSync(bench.directory, { recursive: true, force: true }));
    bench.model = await startServer(file('../servers/model.mjs'));
    bench.load = startLoad(file('../load/main.mjs'));
    return bench;
  }

  async close() {
    const pair = (await this.#pair?.catch(() => [])) ?? []; // who asked for it was told why it did not start
    await Promise.all([...pair, this.load, this.model].map((each) => each.stop()));
  }

  /** How much of something a full run takes, and a quick one: a third if nothing else is said. */
  size(full, quick = Math.ceil(full / 3)) {
    return this.quick ? quick : full;
  }

  /** Starts our server, with an empty database of its own. @returns {Promise<Target>} */
  async startOurs() {
    const home = join(this.directory, `server-${++this.#started}`);
    const workspace = join(home, 'workspace');
    await mkdir(workspace, { recursive: true });
    const model = [
      '--model.provider',
      'openai-compatible',
      '--model.id',
      'scripted',
      '--model.apiKey',
      'none',
    ];
    const args = [
      'serve',
      '--port',
      '0',
      '--data-dir',
      home,
      '--workspace',
      workspace,
      '--log-level',
      'error',
    ];
    const url = ['--model.baseURL', `${this.model.url}/v1`];
    return {
      name: 'ours',
      ...(await startServer(file('../../bin/agent-tars.js'), [...args, ...model, ...url], workspace)),
    };
  }

  /** @returns {Promise<Target>} */
  async startFloor() {
    return { name: 'floor', ...(await startServer(file('../servers/floor.mjs'), [this.model.url])) };
  }

  /** Our server and the floor, warmed up: most parts measure the same two. @returns {Promise<[Target, Target]>} */
  pair() {
    this.#pair ??= (async () => {
      const pair = [await this.startOurs(), await this.startFloor()];
      for (const target of pair) await this.#warmUp(target);
      return pair;
    })();
    return this.#pair;
  }

  /** What is measured is the compiled code, not the compiler: V8 is busy with ours for some 5,000 queries. */
  async #warmUp(target) {
    const sessions = await this.sessions(target, this.size(5_000));
    await this.streams(target, sessions, 20, { width: 16 });
    await this.streams(target, sessions.slice(0, 64), this.size(500));
  }

  /**
   * Measures both, round by round, each round in the other order.
   * @template T
   * @param {(target: Target) => Promise<T>} measure answers an object of numbers
   * @returns {Promise<{ ours: T, floor: T }>} the median of each number over the rounds
   */
  async alternate(measure, targets) {
    const results = { ours: [], floor: [] };
    const both = targets ?? (await this.pair());
    for (let round = 0; round < this.size(3, 1); round++) {
      for (const target of round % 2 ? [...both].reverse() : both)
        results[target.name].push(await measure(target));
    }
    return { ours: medians(results.ours), floor: medians(results.floor) };
  }

  /** @returns {Promise<[any, number | undefined]>} what `work` answers, and the target's CPU time meanwhile in ms */
  async withCpu(target, work) {
    const before = cpuMs(target.pid);
    const result = await work();
    await sleep(SETTLE_MS);
    return [result, before === undefined ? undefined : cpuMs(target.pid) - before];
  }

  /** Creates sessions. @returns {Promise<string[]>} their ids */
  async sessions(target, count) {
    return (await this.load.run('createSessions', { url: target.url, count, width: 16 })).ids;
  }

  /** Sends one query to each session, `width` at once; each is answered by that many tokens. */
  streams(target, sessions, tokens, { delay = 0, width = sessions.length } = {}) {
    const query = `[[tokens=${tokens},delay=${delay}]]`;
    return this.load.run('runStreams', { url: target.url, sessions, query, tokens, width });
  }
}

/** `total` per `count`, where the total could be measured. */
export const per = (total, count) => (total === undefined ? undefined : total / count);

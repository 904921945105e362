import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentTarsConfig } from '../../src/index.js';
import { ModelStub } from './model-stub.js';
import { placed, ServerProcess } from './process.js';
import { request } from './request.js';

const LOOP_PROBE = fileURLToPath(new URL('./loop-probe.mjs', import.meta.url));

/** The longest that the event loop of a server may be kept from everybody else. */
export const MAX_WAIT_MS = 100;
/** What an attack may add to the memory of an idle server. */
export const MAX_ADDED_MB = 300;

/** What a server's process went through since the last reset. */
export interface Strain {
  /** The event loop's longest wait, in time that its own thread was computing. */
  readonly longestWaitMs: number;
  readonly memoryMB: number;
  readonly peakMemoryMB: number;
}

export interface AttackOptions {
  /** Written as JSON beside the data directory, and named by `--config`. */
  readonly config?: AgentTarsConfig;
  /** More arguments of `agent-tars serve`. */
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Files of the workspace, by their path in it. */
  readonly files?: Readonly<Record<string, string>>;
}

/**
 * The built server in a process of its own, with a scripted model that may be hostile, in directories of its own. Tells
 * how long its event loop waited and how much memory it took.
 */
export class AttackSetup {
  private constructor(
    readonly server: ServerProcess,
    readonly model: ModelStub,
    readonly directory: string,
    readonly idle: Strain,
  ) {}

  static async start({ config, args = [], env = {}, files = {} }: AttackOptions = {}): Promise<AttackSetup> {
    const directory = await mkdtemp(join(tmpdir(), 'agent-tars-attack-'));
    const [data, workspace, home] = ['data', 'workspace', 'home'].map((name) => join(directory, name));
    for (const made of [workspace, home]) await mkdir(made ?? '');
    for (const [path, text] of Object.entries({ 'note.txt': 'sentinel-7391\n', ...files })) {
      const file = join(workspace ?? '', path);
      await mkdir(join(file, '..'), { recursive: true });
      await writeFile(file, text);
    }
    const named: string[] = [];
    if (config) {
      await writeFile(join(directory, 'config.json'), JSON.stringify(config));
      named.push('--config', join(directory, 'config.json'));
    }
    const model = await ModelStub.start();
    try {
      const server = await ServerProcess.start(
        [...placed(data ?? '', workspace ?? '', model.baseURL), ...named, ...args],
        {
          cwd: workspace ?? '',
          env: {
            HOME: home,
            NODE_OPTIONS: `--import ${LOOP_PROBE}`,
            LOOP_PROBE_FILE: join(directory, 'probe'),
            ...env,
          },
        },
      );
      await server.query(await server.createSession()); // what the first query alone loads is no attack's doing
      return new AttackSetup(server, model, directory, await strainOf(directory, '/reset'));
    } catch (error) {
      await model.stop();
      throw error;
    }
  }

  get workspace(): string {
    return join(this.directory, 'workspace');
  }

  get data(): string {
    return join(this.directory, 'data');
  }

  /** What the process went through since its start, or the last {@link forget}. */
  strain(): Promise<Strain> {
    return strainOf(this.directory, '/');
  }

  /** Begins to measure anew. */
  async forget(): Promise<void> {
    await strainOf(this.directory, '/reset');
  }

  /** @throws when the event loop waited, or the memory grew, more than an attack may make it */
  async requireUnharmed({ maxAddedMB = MAX_ADDED_MB, maxWaitMs = MAX_WAIT_MS } = {}): Promise<void> {
    const { longestWaitMs, peakMemoryMB } = await this.strain();
    const addedMB = peakMemoryMB - this.idle.memoryMB;
    if (longestWaitMs > maxWaitMs || addedMB > maxAddedMB) {
      throw new Error(
        `The event loop waited ${longestWaitMs.toFixed()} ms (at most ${maxWaitMs}), and memory grew by ` +
          `${addedMB.toFixed()} MB (at most ${maxAddedMB}).`,
      );
    }
  }

  async stop(): Promise<void> {
    await this.server.kill();
    await this.model.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function strainOf(directory: string, path: '/' | '/reset'): Promise<Strain> {
  const port = await readFile(join(directory, 'probe'), 'utf8');
  const { body } = await request<Strain>('GET', `http://127.0.0.1:${port}${path}`);
  return body;
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ModelStub } from './model-stub.js';
import type { ServerProcess } from './process.js';
import { rawJson } from './raw.js';
import { ServerSetup, type SetupOptions } from './server-setup.js';

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

/** A server whose model or clients may be hostile: tells how long its event loop waited and how much memory it took. */
export class AttackSetup extends ServerSetup {
  private constructor(
    server: ServerProcess,
    model: ModelStub,
    directory: string,
    readonly idle: Strain,
  ) {
    super(server, model, directory);
  }

  static override async start({ env = {}, ...options }: SetupOptions = {}): Promise<AttackSetup> {
    const probe = { NODE_OPTIONS: `--import ${LOOP_PROBE}`, LOOP_PROBE_FILE: '../loop-probe' };
    const { server, model, directory } = await ServerSetup.open({ ...options, env: { ...probe, ...env } });
    await server.query(await server.createSession()); // what the first query alone loads is no attack's doing
    return new AttackSetup(server, model, directory, await strainOf(directory, '/reset'));
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
}

async function strainOf(directory: string, path: '/' | '/reset'): Promise<Strain> {
  const port = await readFile(join(directory, 'loop-probe'), 'utf8');
  const { body } = await rawJson<Strain>('GET', `http://127.0.0.1:${port}${path}`);
  return body;
}

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SEED } from '../support/rng.js';
import { ModelStub } from '../support/model-stub.js';
import { scaled, scaledLeast, scaledMs } from '../support/size.js';
import { Worker } from './kills/worker.js';
import { scriptFor } from './kills/model-script.js';
import type { ServerLife } from './kills/server-life.js';
import { Counts } from './kills/counts.js';

const KILLS = scaled(60);
/** Servers that are started, worked with and killed at the same time. */
const WORKERS = 3;

/** How many kills must have hit each window, in the whole form: about a third of what they do. */
const AT_LEAST = {
  'first start': 3,
  create: 20,
  accept: 40,
  stream: 25,
  'tool call': 8,
  'queue of several': 12,
  interrupt: 10,
  abort: 8,
  delete: 5,
  key: 20,
  'stored, not told': 40,
  'recovered queue': 10,
  'start before recovery': 1,
  'recovery, half done': 1,
  'recovery, done': 3,
};

describe('a server that is killed', () => {
  const counts = new Counts();
  const lives = new Map<number, ServerLife>();
  const wrong: string[] = [];
  let model: ModelStub;
  let root: string;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'agent-tars-kills-'));
    model = await ModelStub.start();
    model.answer = scriptFor(lives, (what) => wrong.push(what));
  });
  afterAll(async () => {
    for (const life of lives.values()) life.kill('SIGKILL');
    await Promise.all([...lives.values()].map((life) => life.exited));
    await model.stop();
    await rm(root, { recursive: true, force: true });
    process.stdout.write(`seed ${SEED}: ${counts.toString()}\n`);
  });

  it(
    'at any moment, has lost nothing, repeated nothing, and goes on',
    async () => {
      const suite = { seed: SEED, counts, model, lives, root, startMs: 1_500 };
      let failed = false;
      const workers = Array.from({ length: WORKERS }, async (_, i) => {
        const worker = new Worker(i, suite);
        try {
          for (let kill = i; kill < KILLS && !failed; kill += WORKERS) {
            await worker.kill(kill);
            model.takeRequests(); // each holds the whole conversation
          }
          if (!failed) await worker.finish();
        } catch (error) {
          failed = true;
          throw error;
        }
      });
      const results = await Promise.allSettled(workers);
      const problems = results.flatMap((result) =>
        result.status === 'rejected' ? [String(result.reason)] : [],
      );
      expect([...problems, ...wrong]).toEqual([]);
      expect({ lost: counts.lost, repeated: counts.repeated, outOfOrder: counts.outOfOrder }).toEqual({
        lost: 0,
        repeated: 0,
        outOfOrder: 0,
      });
    },
    scaledMs(480_000),
  );

  it('was killed often enough, in every window that matters, with enough to lose', () => {
    expect(counts.kills).toBe(KILLS);
    expect(counts.acknowledged).toBeGreaterThanOrEqual(scaledLeast(2_000));
    expect(counts.seen).toBeGreaterThanOrEqual(scaledLeast(5_000));
    const missed = Object.entries(AT_LEAST).filter(
      ([phase, least]) => (counts.phases.get(phase) ?? 0) < scaledLeast(least),
    );
    expect(missed).toEqual([]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openDatabase } from '../database/sqlite/open-database.js';
import { SQLITE_DRIVERS } from '../config/index.js';
import type { UnitOfWork } from '../database/index.js';
import { readRecent } from './recent-events.js';

/** A logged event that takes `bytes` as JSON. */
const event = (seq: number, type: string, bytes: number) => {
  const bare = { seq, type, content: '' };
  return { ...bare, content: 'x'.repeat(bytes - JSON.stringify(bare).length) };
};

describe.each(SQLITE_DRIVERS)('the newest events of a session, with %s', (driver) => {
  let work: UnitOfWork;

  beforeEach(async () => {
    work = await openDatabase({ type: 'memory', driver }, []);
    await work.write((tx) =>
      tx.execute(
        `INSERT INTO "sessions" ("id", "createdAt", "updatedAt", "name", "tags", "workspace", "metadata", "state") VALUES ('s', 0, 0, '', '[]', '/', '{}', 'idle')`,
      ),
    );
  });
  afterEach(() => work.close());

  const store = (events: readonly { seq: number; type: string }[]) =>
    work.write(async (tx) => {
      for (const each of events) {
        await tx.execute(
          `INSERT INTO "events" ("sessionId", "seq", "runId", "type", "data") VALUES ('s', ?, 'r', ?, ?)`,
          [each.seq, each.type, JSON.stringify(each)],
        );
      }
    });

  const room = { inputBytes: 1_000_000, outputBytes: 1_000_000, resultBytes: 1_000_000 };
  const recent = async (less: Partial<typeof room> = {}) => {
    const { events, complete } = await readRecent(work, 's', { room: { ...room, ...less } });
    return { seqs: events.map(({ seq }) => seq), complete };
  };

  it('are all of them, in their order, when they have room', async () => {
    await store(Array.from({ length: 250 }, (_, i) => event(i + 1, 'user_message', 200)));
    expect(await recent()).toEqual({
      seqs: Array.from({ length: 250 }, (_, i) => i + 1),
      complete: true,
    });
    expect(await readRecent(work, 'unknown', { room })).toEqual({
      events: [],
      complete: true,
      outputBytes: 0,
    });
  });

  it('are those of the types asked for, long ones too', async () => {
    const long = event(2, 'user_message', 200_000);
    await store([event(1, 'user_message', 100), long, event(3, 'system', 100)]);
    const { events } = await readRecent(work, 's', { room, types: ['user_message'] });
    expect(events).toEqual([event(1, 'user_message', 100), long]);
  });

  it.each(['user_message', 'assistant_message'])('end where there is no more room: %s', async (type) => {
    await store([100, 900, 100, 100].map((bytes, i) => event(i + 1, type, bytes)));
    const within = (bytes: number) =>
      recent(type === 'user_message' ? { inputBytes: bytes } : { outputBytes: bytes });
    expect(await within(1_000)).toEqual({ seqs: [3, 4], complete: false });
    expect(await within(1_100)).toEqual({ seqs: [2, 3, 4], complete: false });
    expect(await within(1_200)).toEqual({ seqs: [1, 2, 3, 4], complete: true });
    expect(await within(99)).toEqual({ seqs: [], complete: false });
  });

  it('leave out older results of tools first', async () => {
    await store([
      event(1, 'user_message', 100),
      event(2, 'tool_result', 100),
      event(3, 'tool_result', 400),
      event(4, 'tool_result', 300),
      event(5, 'assistant_message', 100),
    ]);
    expect(await recent({ resultBytes: 600 })).toEqual({ seqs: [1, 4, 5], complete: false });
    expect(await readRecent(work, 's', { room: { ...room, resultBytes: 600 } })).toMatchObject({
      outputBytes: 400,
    });
  });
});

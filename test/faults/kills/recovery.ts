import type { AnyEvent } from '../../support/client.js';
import type { Clients } from './clients.js';
import type { Rng } from '../../support/rng.js';
import type { Reply } from './http-client.js';
import type { KnownKey, KnownSession } from './expected-history.js';
import { asking } from './model-script.js';
import { isOpen, runsOf, type RunRow, type Stored } from './stored.js';
import type { Problems } from './counts.js';

/** What is awaited, by name: whatever hangs can be told. */
export class Awaited {
  private readonly open = new Set<string>();

  async of<T>(what: string, promise: Promise<T>): Promise<T> {
    this.open.add(what);
    const result = await promise;
    this.open.delete(what);
    return result;
  }

  toString(): string {
    return [...this.open].join(', ');
  }
}

/**
 * Clients come back to a server that has been started again: each with its cursor, each key sent again, and a
 * query in every session. Resolves when all that was open has ended.
 * @param left what the killed server had left
 */
export async function comeBack(
  clients: Clients,
  rng: Rng,
  sessions: readonly KnownSession[],
  left: Stored,
  problems: Problems,
  awaited: Awaited,
): Promise<void> {
  const follow = (session: KnownSession) => {
    return clients.follow(session, rng.chance(0.25) ? 0 : session.lastSeq, rng.chance(0.6));
  };
  await Promise.all(sessions.map((session) => awaited.of(`the stream of ${session.id}`, follow(session))));
  const answers: Promise<unknown>[] = [];
  for (const key of clients.expectedHistory.keys.values()) {
    if (!left.sessions.has(key.session.id) || key.session.deleting) continue;
    const door = rng.pick(['rest', 'stream', 'socket']);
    const again = clients.aside(sendAgain(clients, door, key, left, problems));
    answers.push(awaited.of(`${key.key} in ${key.session.id} by ${door}`, again));
  }
  clients.expectedHistory.keys.clear();
  // So that most keys come while the queues still are as they were left.
  await awaited.of('readiness', clients.get('/api/ready'));
  clients.life.silence?.open();
  await Promise.all(answers);
  await Promise.all(sessions.map((session) => untilIdle(clients, session, awaited)));
  await Promise.all(
    sessions.map((session) => awaited.of(`a query in ${session.id}`, askOnce(clients, rng, session))),
  );
}

/** The key of a stored query leads to its run, whatever has become of it; the key of another starts one. */
async function sendAgain(
  clients: Clients,
  door: string,
  key: KnownKey,
  left: Stored,
  problems: Problems,
): Promise<void> {
  const { session, text, whenBusy } = key;
  const rows = runsOf(left, session.id).filter((run) => run.idempotencyKey === key.key);
  if (rows.length > 1) problems.repeated(`${key.key} has ${rows.length} runs`);
  const [row] = rows;
  const options = { key, afterKill: true, ...(whenBusy && { whenBusy }) };
  let runId: string | undefined;
  if (door === 'rest') {
    const reply = await clients.ask(session, text, options);
    runId = (reply.body.runId ?? reply.body.details?.runId) as string | undefined;
    if (row) checkAnswer(reply, row, left, problems);
  } else if (door === 'stream') {
    const run = await clients.stream(session, text, options);
    await run?.observed.closed;
    runId = run?.runId;
  } else {
    runId = await clients.send(session, text, options);
  }
  if (door === 'stream' && row?.status === 'aborted' && runId === undefined) return; // it may have no event
  if (row && runId !== row.id) problems.repeated(`${key.key} is of run ${row.id}, and was given ${runId}`);
}

function checkAnswer(
  { status, body }: Reply,
  { id, status: was }: RunRow,
  left: Stored,
  problems: Problems,
): void {
  const expected = { completed: [200], queued: [200], running: [503], interrupted: [503], failed: [] }[
    was as Exclude<RunRow['status'], 'aborted'>
  ] as number[] | undefined;
  if (expected && !expected.includes(status)) {
    problems.wrong(`the key of run ${id}, which was ${was}, was answered ${status} ${JSON.stringify(body)}`);
  }
  if (was !== 'completed') return;
  const message = left.events.get(body.result.sessionId)?.findLast((event) => {
    return event.runId === id && event.type === 'assistant_message';
  });
  if (message?.data !== JSON.stringify(body.result)) {
    problems.wrong(`the key of run ${id} was given another answer: ${JSON.stringify(body)}`);
  }
}

async function untilIdle(clients: Clients, session: KnownSession, awaited: Awaited): Promise<void> {
  const observed = await clients.follow(session, session.lastSeq, false);
  const runs = clients.get(`/api/runs?sessionId=${session.id}`);
  const { body } = await awaited.of(`the runs of ${session.id}`, runs);
  const open = (body.runs as RunRow[]).filter(isOpen);
  await Promise.all(
    open.map(({ id, status }) => awaited.of(`the end of ${id}, ${status}`, observed.untilEndOf(id))),
  );
}

/** The session can be used: a query in it is taken, and answered. */
async function askOnce(clients: Clients, rng: Rng, session: KnownSession): Promise<void> {
  const text = asking('say:2');
  if (rng.chance(0.5)) {
    const { status, body } = await clients.ask(session, text);
    if (status !== 200) throw new Error(`session ${session.id} answers ${status} ${JSON.stringify(body)}`);
    return;
  }
  const run = await clients.stream(session, text);
  const end: AnyEvent | undefined = await run?.observed.untilEndOf(run.runId);
  if (end?.['status'] !== 'completed')
    throw new Error(`session ${session.id} is not usable: ${JSON.stringify(end)}`);
}

/** What was left open has ended as it must: what ran was interrupted, what waited was done. */
export function checkRecovered(left: Stored, now: Stored, problems: Problems): void {
  for (const [id, { status }] of left.runs) {
    const later = now.runs.get(id)?.status;
    if (status === 'running' && later !== 'interrupted')
      problems.wrong(`run ${id} was under way and is ${later}`);
    if (status === 'queued' && later !== 'completed') problems.lost(`run ${id} waited and is ${later}`);
  }
  for (const run of now.runs.values()) {
    if (isOpen(run)) problems.wrong(`run ${run.id} is ${run.status} still`);
  }
}

/** Over HTTP a session is what it is in the database, byte for byte. */
export async function checkOverHttp(
  clients: Clients,
  session: KnownSession,
  stored: Stored,
  problems: Problems,
): Promise<void> {
  const { id } = session;
  const rows = stored.events.get(id) ?? [];
  const [events, status, runs] = await Promise.all([
    clients.get(`/api/sessions/events?sessionId=${id}`),
    clients.get(`/api/sessions/status?sessionId=${id}`),
    clients.get(`/api/runs?sessionId=${id}`),
  ]);
  if (!stored.sessions.has(id)) {
    const found = [events, status, runs].filter((reply) => reply.status !== 404);
    if (found.length > 0) problems.wrong(`session ${id} was deleted, and is answered ${found[0]?.text}`);
    return;
  }
  const whole = `{"events":[${rows.map(({ data }) => data).join(',')}],"lastSeq":${rows.length},"hasMore":false}`;
  if (events.text !== whole) problems.lost(`the events of ${id} over HTTP are ${events.text}`);
  if (status.body.status.isProcessing !== false) problems.wrong(`session ${id} is busy: ${status.text}`);
  const told = (runs.body.runs as RunRow[]).map((run) => `${run.id} ${run.status}`);
  const kept = runsOf(stored, id).map((run) => `${run.id} ${run.status}`);
  if (told.join() !== kept.join()) problems.wrong(`the runs of ${id} over HTTP are ${told.join()}`);
}

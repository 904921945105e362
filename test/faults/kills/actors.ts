import type { AnyEvent } from '../../support/client.js';
import type { Clients, QueryOptions } from './clients.js';
import type { Rng } from '../../support/rng.js';
import type { KnownKey, KnownSession } from './expected-history.js';
import { asking } from './model-script.js';
import type { Job } from './plan.js';
import type { ObservedSession } from './observed-session.js';

/** One who works in one session until the server is gone. */
interface Actor {
  readonly clients: Clients;
  readonly rng: Rng;
  readonly session: KnownSession;
  /** The session as it is followed. */
  readonly observed: ObservedSession;
}

/** Works in a session until the server is gone: every promise rejects then. */
export async function act(job: Job, clients: Clients, rng: Rng, session: KnownSession): Promise<void> {
  const observed = await clients.follow(session, session.lastSeq, rng.chance(0.6));
  const actor = { clients, rng, session, observed };
  while (!clients.life.over) await WORK[job](actor);
}

const WORK: Readonly<Record<Job, (actor: Actor) => Promise<void>>> = {
  create,
  talk: (actor) => one(actor, asking(`say:${actor.rng.between(1, 40)}`)),
  tools: (actor) => useTools(actor),
  queue,
  interrupt,
  abort,
  delete: remove,
  keys,
};

let names = 0;
const newName = (): string => `session ${++names}`;

async function create({ clients, rng }: Actor): Promise<void> {
  for (let i = 0; i < 25; i++) {
    const session = await clients.create(newName());
    if (rng.chance(0.3)) await clients.rename(session, newName());
  }
  await clients.life.exited;
}

/** One query by any door, and its end. */
async function one({ clients, rng, session, observed }: Actor, text: string): Promise<void> {
  const door = rng.pick(['rest', 'stream', 'socket']);
  if (door === 'rest') {
    await clients.ask(session, text);
    return;
  }
  const run =
    door === 'stream'
      ? await clients.stream(session, text)
      : await viaSocket(clients, session, text, observed);
  await run?.observed.untilEndOf(run.runId);
}

async function viaSocket(
  clients: Clients,
  session: KnownSession,
  text: string,
  observed: ObservedSession,
  options: QueryOptions = {},
) {
  const runId = await clients.send(session, text, options);
  return runId === undefined ? undefined : { observed, runId };
}

async function useTools(actor: Actor): Promise<void> {
  const { rng } = actor;
  const tools = Array.from({ length: rng.between(1, 3) }, () => rng.pick(['write', 'count', 'both']));
  const last = rng.chance(0.3) ? 'stay' : `say:${rng.between(1, 10)}`;
  await one(actor, asking(...tools, last));
}

/** A run that waits until it is let go, or does not end before the kill. */
async function begin({ clients, rng, session, observed }: Actor, options: QueryOptions = {}) {
  const text = asking(...(rng.chance(0.2) ? ['count', 'stay'] : [`wait:${rng.between(1, 20)}`]));
  const runId = await clients.send(session, text, options);
  if (runId === undefined) return undefined;
  await observed.until((event) => event.type === 'agent_run_start' && event['runId'] === runId);
  return { runId, text };
}

async function queue(actor: Actor): Promise<void> {
  const { clients, rng, session } = actor;
  const first = await begin(actor);
  if (!first) return;
  const answers: Promise<unknown>[] = [];
  const waiting: string[] = [];
  for (let i = rng.between(3, 6); i > 0; i--) {
    const runId = await enqueue(actor, answers);
    if (runId !== undefined) waiting.push(runId);
  }
  const left = rng.chance(0.3) ? waiting.pop() : undefined;
  if (left !== undefined) await clients.abort(session, left, rng.pick(['rest', 'socket']));
  if (rng.chance(0.3)) await clients.life.exited;
  clients.life.release(first.text);
  if (first.text.includes('stay')) await clients.abort(session, first.runId, 'rest');
  await Promise.all(answers);
}

/** Puts a query into the queue by any door. @returns its run, where that is told at once */
async function enqueue(actor: Actor, answers: Promise<unknown>[]): Promise<string | undefined> {
  const { clients, rng, session } = actor;
  const text = asking(...(rng.chance(0.3) ? ['count'] : []), `say:${rng.between(1, 20)}`);
  const key = rng.chance(0.5) ? newKey(clients, session, text, 'queue') : undefined;
  const options: QueryOptions = { whenBusy: 'queue', ...(key && { key }) };
  const door = rng.pick(['rest', 'stream', 'socket']);
  if (door === 'rest') {
    answers.push(clients.aside(clients.ask(session, text, options)));
    return undefined;
  }
  if (door === 'stream') {
    const run = await clients.stream(session, text, options);
    if (run) answers.push(run.observed.closed);
    return run?.runId;
  }
  return clients.send(session, text, options);
}

/** Each query ends the one before. */
async function interrupt(actor: Actor): Promise<void> {
  await begin(actor, { whenBusy: 'interrupt' });
}

async function abort(actor: Actor): Promise<void> {
  const { clients, rng, session, observed } = actor;
  const run = await begin(actor);
  if (!run) return;
  const { runId } = run;
  if (rng.chance(0.5)) {
    const begun = (event: AnyEvent) => event['runId'] === runId && event['messageId'] !== undefined;
    await observed.until(begun);
  }
  await clients.abort(session, runId, rng.pick(['rest', 'socket']));
}

async function remove(actor: Actor): Promise<void> {
  const { clients, rng } = actor;
  const session = await clients.create(newName());
  const observed = await clients.follow(session, 0, rng.chance(0.3));
  const own = { ...actor, session, observed };
  if (rng.chance(0.3)) await one(own, asking('say:3'));
  if (rng.chance(0.7)) await begin(own);
  if (rng.chance(0.3)) await enqueue(own, []);
  await clients.remove(session);
}

/** The same key several times at once, and again later, by any door: one run. */
async function keys(actor: Actor): Promise<void> {
  const { clients, rng, session } = actor;
  const text = asking(...(rng.chance(0.3) ? ['count'] : []), `say:${rng.between(1, 20)}`);
  const key = newKey(clients, session, text);
  await Promise.all(Array.from({ length: rng.between(2, 4) }, () => again(actor, key)));
  if (rng.chance(0.5)) await again(actor, key);
}

async function again({ clients, rng, session, observed }: Actor, key: KnownKey): Promise<void> {
  const door = rng.pick(['rest', 'stream', 'socket']);
  if (door === 'rest') {
    await clients.ask(session, key.text, { key });
    return;
  }
  const run =
    door === 'stream'
      ? await clients.stream(session, key.text, { key })
      : await viaSocket(clients, session, key.text, observed, { key });
  await run?.observed.untilEndOf(run.runId);
}

let keysMade = 0;

function newKey(clients: Clients, session: KnownSession, text: string, whenBusy?: 'queue'): KnownKey {
  const key = { key: `key-${++keysMade}`, session, text, ...(whenBusy && { whenBusy }) };
  clients.expectedHistory.keys.set(key.key, key);
  return key;
}

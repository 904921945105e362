import type { AnyEvent } from '../../support/client.js';
import type { Desk, QueryOptions } from './desk.js';
import type { Dice } from '../../support/dice.js';
import type { KnownKey, KnownSession } from './journal.js';
import { asking } from './model-script.js';
import type { Job } from './plan.js';
import type { Sight } from './sight.js';

/** One who works in one session until the server is gone. */
interface Actor {
  readonly desk: Desk;
  readonly dice: Dice;
  readonly session: KnownSession;
  /** The session as it is followed. */
  readonly sight: Sight;
}

/** Works in a session until the server is gone: every promise rejects then. */
export async function act(job: Job, desk: Desk, dice: Dice, session: KnownSession): Promise<void> {
  const sight = await desk.follow(session, session.lastSeq, dice.chance(0.6));
  const actor = { desk, dice, session, sight };
  while (!desk.life.over) await WORK[job](actor);
}

const WORK: Readonly<Record<Job, (actor: Actor) => Promise<void>>> = {
  create,
  talk: (actor) => one(actor, asking(`say:${actor.dice.between(1, 40)}`)),
  tools: (actor) => useTools(actor),
  queue,
  interrupt,
  abort,
  delete: remove,
  keys,
};

let names = 0;
const newName = (): string => `session ${++names}`;

async function create({ desk, dice }: Actor): Promise<void> {
  for (let i = 0; i < 25; i++) {
    const session = await desk.create(newName());
    if (dice.chance(0.3)) await desk.rename(session, newName());
  }
  await desk.life.exited;
}

/** One query by any door, and its end. */
async function one({ desk, dice, session, sight }: Actor, text: string): Promise<void> {
  const door = dice.pick(['rest', 'stream', 'socket']);
  if (door === 'rest') {
    await desk.ask(session, text);
    return;
  }
  const run =
    door === 'stream' ? await desk.stream(session, text) : await viaSocket(desk, session, text, sight);
  await run?.sight.untilEndOf(run.runId);
}

async function viaSocket(
  desk: Desk,
  session: KnownSession,
  text: string,
  sight: Sight,
  options: QueryOptions = {},
) {
  const runId = await desk.send(session, text, options);
  return runId === undefined ? undefined : { sight, runId };
}

async function useTools(actor: Actor): Promise<void> {
  const { dice } = actor;
  const tools = Array.from({ length: dice.between(1, 3) }, () => dice.pick(['write', 'count', 'both']));
  const last = dice.chance(0.3) ? 'stay' : `say:${dice.between(1, 10)}`;
  await one(actor, asking(...tools, last));
}

/** A run that waits until it is let go, or does not end before the kill. */
async function begin({ desk, dice, session, sight }: Actor, options: QueryOptions = {}) {
  const text = asking(...(dice.chance(0.2) ? ['count', 'stay'] : [`wait:${dice.between(1, 20)}`]));
  const runId = await desk.send(session, text, options);
  if (runId === undefined) return undefined;
  await sight.until((event) => event.type === 'agent_run_start' && event['runId'] === runId);
  return { runId, text };
}

async function queue(actor: Actor): Promise<void> {
  const { desk, dice, session } = actor;
  const first = await begin(actor);
  if (!first) return;
  const answers: Promise<unknown>[] = [];
  const waiting: string[] = [];
  for (let i = dice.between(3, 6); i > 0; i--) {
    const runId = await enqueue(actor, answers);
    if (runId !== undefined) waiting.push(runId);
  }
  const left = dice.chance(0.3) ? waiting.pop() : undefined;
  if (left !== undefined) await desk.abort(session, left, dice.pick(['rest', 'socket']));
  if (dice.chance(0.3)) await desk.life.exited;
  desk.life.release(first.text);
  if (first.text.includes('stay')) await desk.abort(session, first.runId, 'rest');
  await Promise.all(answers);
}

/** Puts a query into the queue by any door. @returns its run, where that is told at once */
async function enqueue(actor: Actor, answers: Promise<unknown>[]): Promise<string | undefined> {
  const { desk, dice, session } = actor;
  const text = asking(...(dice.chance(0.3) ? ['count'] : []), `say:${dice.between(1, 20)}`);
  const key = dice.chance(0.5) ? newKey(desk, session, text, 'queue') : undefined;
  const options: QueryOptions = { whenBusy: 'queue', ...(key && { key }) };
  const door = dice.pick(['rest', 'stream', 'socket']);
  if (door === 'rest') {
    answers.push(desk.aside(desk.ask(session, text, options)));
    return undefined;
  }
  if (door === 'stream') {
    const run = await desk.stream(session, text, options);
    if (run) answers.push(run.sight.closed);
    return run?.runId;
  }
  return desk.send(session, text, options);
}

/** Each query ends the one before. */
async function interrupt(actor: Actor): Promise<void> {
  await begin(actor, { whenBusy: 'interrupt' });
}

async function abort(actor: Actor): Promise<void> {
  const { desk, dice, session, sight } = actor;
  const run = await begin(actor);
  if (!run) return;
  const { runId } = run;
  if (dice.chance(0.5)) {
    const begun = (event: AnyEvent) => event['runId'] === runId && event['messageId'] !== undefined;
    await sight.until(begun);
  }
  await desk.abort(session, runId, dice.pick(['rest', 'socket']));
}

async function remove(actor: Actor): Promise<void> {
  const { desk, dice } = actor;
  const session = await desk.create(newName());
  const sight = await desk.follow(session, 0, dice.chance(0.3));
  const own = { ...actor, session, sight };
  if (dice.chance(0.3)) await one(own, asking('say:3'));
  if (dice.chance(0.7)) await begin(own);
  if (dice.chance(0.3)) await enqueue(own, []);
  await desk.remove(session);
}

/** The same key several times at once, and again later, by any door: one run. */
async function keys(actor: Actor): Promise<void> {
  const { desk, dice, session } = actor;
  const text = asking(...(dice.chance(0.3) ? ['count'] : []), `say:${dice.between(1, 20)}`);
  const key = newKey(desk, session, text);
  await Promise.all(Array.from({ length: dice.between(2, 4) }, () => again(actor, key)));
  if (dice.chance(0.5)) await again(actor, key);
}

async function again({ desk, dice, session, sight }: Actor, key: KnownKey): Promise<void> {
  const door = dice.pick(['rest', 'stream', 'socket']);
  if (door === 'rest') {
    await desk.ask(session, key.text, { key });
    return;
  }
  const run =
    door === 'stream'
      ? await desk.stream(session, key.text, { key })
      : await viaSocket(desk, session, key.text, sight, { key });
  await run?.sight.untilEndOf(run.runId);
}

let keysMade = 0;

function newKey(desk: Desk, session: KnownSession, text: string, whenBusy?: 'queue'): KnownKey {
  const key = { key: `key-${++keysMade}`, session, text, ...(whenBusy && { whenBusy }) };
  desk.journal.keys.set(key.key, key);
  return key;
}

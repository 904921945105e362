import { per } from '../lib/bench.mjs';
import { row } from '../lib/rows.mjs';

/** Answers of megabytes are read this often in a round, short ones more often. */
const FEWEST_READS = 10;

/** Sessions created one by one, and by 16 clients at once. */
export async function createSessions(bench) {
  const rows = [];
  for (const width of [1, 16]) {
    const count = bench.size(width === 1 ? 1_000 : 4_000);
    const { ours, floor } = await bench.alternate(async (target) => {
      const create = () => bench.load.run('createSessions', { url: target.url, count, width });
      const [{ perSecond, p50, p99 }, cpu] = await bench.withCpu(target, create);
      return { perSecond, p50, p99, cpu: per(cpu, count) };
    });
    const name = `create a session, ${clients(width)}`;
    rows.push(
      row(name, 'per second', ours.perSecond, floor.perSecond),
      row(`${name}: p50`, 'ms', ours.p50, floor.p50),
      row(`${name}: p99`, 'ms', ours.p99, floor.p99),
      row(`${name}: server CPU`, 'ms', ours.cpu, floor.cpu, { max: 3 }),
    );
  }
  return rows;
}

/** The list of all sessions, in a database that holds just so many. */
export async function listSessions(bench) {
  const [, floor] = await bench.pair();
  const ours = await bench.startOurs();
  const rows = [];
  let created = 0;
  for (const size of bench.size([1_000, 10_000], [1_000, 3_000])) {
    await bench.sessions(ours, size - created);
    created = size;
    const name = `list ${size} sessions`;
    rows.push(...(await reads(bench, [ours, floor], name, '/api/sessions', bench.size(100_000 / size))));
  }
  await ours.stop();
  return rows;
}

/** All events of one session. */
export async function listEvents(bench) {
  const pair = await bench.pair();
  const rows = [];
  for (const size of bench.size([100, 10_000], [100, 2_000])) {
    const path = `/api/sessions/events?sessionId=${await sessionWith(bench, pair[0], size)}`;
    const name = `${size} events of a session`;
    rows.push(...(await reads(bench, pair, name, path, bench.size(30_000 / size))));
  }
  return rows;
}

/** One client reads the same again and again; the floor holds in memory what ours reads from its database. */
async function reads(bench, targets, name, path, times) {
  const [ours, floor] = targets;
  const count = Math.max(times, FEWEST_READS);
  const held = `${floor.url}/held?name=read`;
  await fetch(held, { method: 'PUT', body: await (await fetch(ours.url + path)).text() });
  const measure = async (target) => {
    const url = target === ours ? ours.url + path : held;
    await bench.load.run('sendRequests', { url, count: Math.ceil(count / 5), width: 1 }); // warm-up
    return bench.load.run('sendRequests', { url, count, width: 1 });
  };
  const result = await bench.alternate(measure, targets);
  return [
    row(name, 'per second', result.ours.perSecond, result.floor.perSecond),
    row(`${name}: p50`, 'ms', result.ours.p50, result.floor.p50),
    row(`${name}: p99`, 'ms', result.ours.p99, result.floor.p99),
  ];
}

/** Fills a session over its API: a run that calls n tools leaves 5 + 2n events, so runs come in pairs. */
async function sessionWith(bench, target, size) {
  const pairs = Math.ceil(size / 400); // an answer of more than 128 calls is cut
  const half = size / (2 * pairs);
  const [sessionId] = await bench.sessions(target, 1);
  for (let run = 0; run < 2 * pairs; run++) {
    const calls = (half + (run % 2 ? 1 : -1) - 5) / 2;
    const url = `${target.url}/api/sessions/query`;
    const body = JSON.stringify({ sessionId, query: `[[calls=${calls}]]` });
    await bench.load.run('sendRequests', { url, method: 'POST', body, count: 1, width: 1 });
  }
  const answer = await (await fetch(`${target.url}/api/sessions/events?sessionId=${sessionId}`)).json();
  if (answer.events.length !== size)
    throw new Error(`The session has ${answer.events.length} events instead of ${size}.`);
  return sessionId;
}

const clients = (count) => (count === 1 ? 'one client' : `${count} clients`);

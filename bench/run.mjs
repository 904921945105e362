// The benchmark. `npm run bench`, or with `-- --quick`, `-- --only NAME`; see README.md.
import { parseArgs } from 'node:util';
import { Bench } from './lib/bench.mjs';
import { circumstances, writeResults } from './lib/report.mjs';
import { toTable } from './lib/rows.mjs';
import { fanout } from './parts/fanout.mjs';
import { length, turns } from './parts/growth.mjs';
import { start } from './parts/start.mjs';
import { createSessions, listEvents, listSessions } from './parts/storage.mjs';
import { abort, first, latency, query, speed } from './parts/streams.mjs';

const PARTS = {
  start,
  create: createSessions,
  list: listSessions,
  events: listEvents,
  latency,
  speed,
  first,
  query,
  length,
  turns,
  fanout,
  abort,
};
/** Nothing may hang longer than this; a full run takes less. */
const LIMIT_MS = 6 * 60_000;

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});
if (values.only && !(values.only in PARTS)) {
  console.error(`--only ${values.only}: there are ${Object.keys(PARTS).join(', ')}.`);
  process.exit(1);
}

const startedAt = performance.now();
const rows = [];
setTimeout(() => {
  console.error(`The benchmark was stopped after ${LIMIT_MS / 60_000} minutes. What there is:\n${results()}`);
  process.exit(1);
}, LIMIT_MS).unref();

const bench = await Bench.open(values.quick);
try {
  for (const name of values.only ? [values.only] : Object.keys(PARTS)) {
    const partStartedAt = performance.now();
    rows.push(...(await PARTS[name](bench)));
    console.error(`${name.padEnd(8)} ${seconds(partStartedAt)} s`);
  }
} finally {
  await bench.close();
  if (rows.length > 0) console.log(`\n${results()}`);
}
if (!values.quick && !values.only) await writeResults(results());

function results() {
  return `${circumstances()}\n- Took: ${seconds(startedAt)} s\n\n${toTable(rows)}`;
}

function seconds(since) {
  return ((performance.now() - since) / 1_000).toFixed(0);
}

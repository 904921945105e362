import { per } from '../lib/bench.mjs';
import { row } from '../lib/rows.mjs';

/** Whether a token of a long answer costs more than one of a short answer. */
export async function length(bench) {
  const rows = [];
  for (const tokens of [500, 5_000, 20_000]) {
    const answers = Math.ceil(bench.size(30_000) / tokens);
    const { ours, floor } = await bench.alternate(async (target) => {
      const sessions = await bench.sessions(target, answers);
      const [, cpu] = await bench.withCpu(target, () =>
        bench.streams(target, sessions, tokens, { width: 1 }),
      );
      return { cpu: per(cpu, (answers * tokens) / 1_000) };
    });
    rows.push(row(`answer of ${tokens} tokens: server CPU per 1000 tokens`, 'ms', ours.cpu, floor.cpu));
  }
  return rows;
}

/** Turns that are measured together: one alone is too short for a clock of 10 ms. */
const WINDOW = 5;

/** What the same short question costs at the start and later on: ours only, as the floor has no history. */
export async function turns(bench) {
  const [ours] = await bench.pair();
  const sessions = await bench.sessions(ours, bench.size(20, 10));
  const rows = [];
  let turn = 1;
  const ask = async (count) => {
    turn += count;
    const queries = Array.from({ length: count }, () => sessions).flat();
    if (count > 0) await bench.streams(ours, queries, 3, { width: 10 });
  };
  for (const at of bench.size([1, 50, 200], [1, 50])) {
    await ask(at - turn);
    const [, cpu] = await bench.withCpu(ours, () => ask(WINDOW));
    const { lastBytes } = await (await fetch(`${bench.model.url}/stats`)).json();
    rows.push(
      row(`turn ${at} of a session: server CPU`, 'ms', per(cpu, WINDOW * sessions.length)),
      row(`turn ${at} of a session: sent to the model`, 'kB', lastBytes / 1_000),
    );
  }
  return rows;
}

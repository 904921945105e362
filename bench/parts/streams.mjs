import { per } from '../lib/bench.mjs';
import { row } from '../lib/rows.mjs';

/** The way of a token, at the pace of a model. */
export async function latency(bench) {
  const delay = 20;
  const tokens = bench.size(150, 40);
  const rows = [];
  for (const width of [1, 16, 64, 128]) {
    const { ours, floor } = await bench.alternate(async (target) => {
      const sessions = await bench.sessions(target, width);
      const [{ age }, cpu] = await bench.withCpu(target, () =>
        bench.streams(target, sessions, tokens, { delay }),
      );
      return { ...age, cpu: per(cpu, (width * tokens) / 1_000) };
    });
    const name = `${width} stream${width > 1 ? 's' : ''} of ${delay} ms`;
    rows.push(
      row(`${name}: model to client, p50`, 'ms', ours.p50, floor.p50, { max: 1.5 }),
      row(`${name}: model to client, p99`, 'ms', ours.p99, floor.p99, { max: 3 }),
    );
    if (width === 1) continue; // too few tokens for a clock of 10 ms
    rows.push(
      row(
        `${name}: server CPU per 1000 tokens`,
        'ms',
        ours.cpu,
        floor.cpu,
        width === 64 ? { max: 2 } : undefined,
      ),
    );
  }
  return rows;
}

/** 64 answers as fast as everybody can. */
export async function speed(bench) {
  const [width, tokens] = [64, bench.size(2_000)];
  const { ours, floor } = await bench.alternate(async (target) => {
    const sessions = await bench.sessions(target, width);
    const [{ perSecond }, cpu] = await bench.withCpu(target, () => bench.streams(target, sessions, tokens));
    return { perSecond, cpu: per(cpu, (width * tokens) / 1_000) };
  });
  const name = `${width} streams at full speed`;
  return [
    row(`${name}: tokens`, 'per second', ours.perSecond, floor.perSecond, { min: 0.5 }),
    row(`${name}: server CPU per 1000 tokens`, 'ms', ours.cpu, floor.cpu, { max: 2.5 }),
  ];
}

/** 64 queries in the same moment, each in a session of its own. */
export async function first(bench) {
  const [width, waves] = [64, bench.size(5, 3)];
  const { ours, floor } = await bench.alternate(async (target) => {
    const sessions = await bench.sessions(target, width * waves);
    const { firstEvent, firstToken } = await bench.streams(target, sessions, 20, { width });
    return {
      event50: firstEvent.p50,
      event99: firstEvent.p99,
      token50: firstToken.p50,
      token99: firstToken.p99,
    };
  });
  const name = `${width} queries at once`;
  return [
    row(`${name}: first event, p50`, 'ms', ours.event50, floor.event50, { max: 3 }),
    row(`${name}: first event, p99`, 'ms', ours.event99, floor.event99, { max: 3 }),
    row(`${name}: first token, p50`, 'ms', ours.token50, floor.token50),
    row(`${name}: first token, p99`, 'ms', ours.token99, floor.token99),
  ];
}

/** What a short query costs, start and end included. */
export async function query(bench) {
  const rows = [];
  for (const width of [1, 16]) {
    const count = bench.size(width === 1 ? 500 : 1_600);
    const { ours, floor } = await bench.alternate(async (target) => {
      const sessions = await bench.sessions(target, count);
      const [, cpu] = await bench.withCpu(target, () => bench.streams(target, sessions, 20, { width }));
      return { cpu: per(cpu, count) };
    });
    rows.push(
      row(`query of 20 tokens, ${width} at a time: server CPU`, 'ms', ours.cpu, floor.cpu, { max: 3 }),
    );
  }
  return rows;
}

export async function abort(bench) {
  const count = bench.size(50);
  const { ours, floor } = await bench.alternate(async (target) => {
    const sessions = await bench.sessions(target, count);
    return bench.load.run('abortRuns', { url: target.url, sessions, query: '[[tokens=2000,delay=5]]' });
  });
  return [
    row('abort, until it is answered: p50', 'ms', ours.p50, floor.p50),
    row('abort, until it is answered: p99', 'ms', ours.p99, floor.p99),
  ];
}

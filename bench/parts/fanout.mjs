import { per } from '../lib/bench.mjs';
import { row } from '../lib/rows.mjs';

const FOLLOWERS = 100;

/** One run that many follow, over each transport. The floor has Server-Sent Events only. */
export async function fanout(bench) {
  const tokens = bench.size(150);
  const rows = [];
  for (const over of ['socket', 'sse']) {
    const { ours, floor } = await bench.alternate((target) => followed(bench, target, tokens, over));
    const name = `one run, ${FOLLOWERS} ${over === 'sse' ? 'SSE readers' : 'sockets'}`;
    rows.push(
      row(`${name}: model to client, p50`, 'ms', ours.p50, floor.p50),
      row(`${name}: model to client, p99`, 'ms', ours.p99, floor.p99),
      row(`${name}: server CPU per 1000 events delivered`, 'ms', ours.cpu, floor.cpu),
    );
  }
  return rows;
}

async function followed(bench, target, tokens, over) {
  const sessions = await bench.sessions(target, 1);
  const transport = target.name === 'floor' ? 'sse' : over;
  await bench.load.run('follow', {
    url: target.url,
    sessionId: sessions[0],
    count: FOLLOWERS,
    over: transport,
  });
  const [, cpu] = await bench.withCpu(target, () => bench.streams(target, sessions, tokens, { delay: 20 }));
  const ages = await bench.load.run('unfollow', { tokens });
  const delivered = (FOLLOWERS + 1) * tokens; // to the followers, and to the one who had asked
  return { ...ages, cpu: per(cpu, delivered / 1_000) };
}

import { setTimeout as sleep } from 'node:timers/promises';
import { rssMb } from '../lib/procfs.mjs';
import { row } from '../lib/rows.mjs';

/** How long a server is left alone before its memory is read. */
const IDLE_MS = 700;

/** Start-up and memory, each time with a new process. */
export async function start(bench) {
  const targets = [
    { name: 'ours', start: () => bench.startOurs() },
    { name: 'floor', start: () => bench.startFloor() },
  ];
  const { ours, floor } = await bench.alternate(startOnce, targets);
  const sessions = bench.size(2_000, 500);
  return [
    row('start to the first answered request', 'ms', ours.startMs, floor.startMs),
    row('memory, idle', 'MB', ours.rss, floor.rss),
    row(`memory after ${sessions} sessions created`, 'MB', await rssAfter(bench, sessions)),
  ];
}

async function startOnce({ start }) {
  const startedAt = performance.now();
  const server = await start();
  const response = await fetch(`${server.url}/api/health`);
  if (!response.ok) throw new Error(`/api/health answered ${response.status}`);
  const startMs = performance.now() - startedAt;
  await sleep(IDLE_MS);
  const rss = rssMb(server.pid);
  await server.stop();
  return { startMs, rss };
}

async function rssAfter(bench, sessions) {
  const server = await bench.startOurs();
  await bench.sessions(server, sessions);
  await sleep(IDLE_MS);
  const rss = rssMb(server.pid);
  await server.stop();
  return rss;
}

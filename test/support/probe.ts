import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rawJson } from './raw.js';

/** What a process holds, after its garbage has been collected. */
export interface Held {
  /** Megabytes of JavaScript objects, without the code that V8 compiles by and by. */
  readonly heap: number;
  /** Megabytes of memory, buffers and the database's cache included. */
  readonly rss: number;
  /** Open file descriptors: connections, files, pipes. */
  readonly descriptors: number;
  /** Timers that are set. */
  readonly timers: number;
}

/**
 * For the configuration of a server: tells over a port of its own what the process holds. The collector is called
 * more than once, because what a finaliser lets go is collected by the next call only.
 */
export const PROBE = `
import { readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { getHeapCodeStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const server = createServer(async (req, res) => {
  for (let i = 0; i < 4; i++) {
    collect();
    await pause(1);
  }
  const { heapUsed, rss } = process.memoryUsage();
  const { code_and_metadata_size: code, bytecode_and_metadata_size: bytecode } = getHeapCodeStatistics();
  const timers = process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length;
  const descriptors = readdirSync('/dev/fd').length;
  res.end(JSON.stringify({ heap: (heapUsed - code - bytecode) / 1e6, rss: rss / 1e6, timers, descriptors }));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
server.unref();
writeFileSync('probe.json', JSON.stringify(server.address().port));
`;

/** Asks the probe of the server in that directory. */
export async function held(directory: string): Promise<Held> {
  const port = await readFile(join(directory, 'probe.json'), 'utf8');
  const { body } = await rawJson<Held>('GET', `http://127.0.0.1:${port}/`);
  return body;
}

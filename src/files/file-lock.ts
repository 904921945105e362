import { randomBytes } from 'node:crypto';
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { epochMs } from '../common/clock.js';
import { cutText } from '../common/text.js';
import { isProcessAlive, processIdentity } from './process-identity.js';

const RETRY_MS = 20;
/** Lifetime of a lock without a readable owner, or of a process of another machine or container. */
const STALE_MS = 10_000;

/**
 * Runs `work` under a lock that excludes other processes. The lock is a file that names its process; the lock of a dead
 * process is taken over by one of the waiting ones.
 * @param file the lock's path; its directory must exist
 */
export async function withFileLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const own = `${processIdentity()}.${randomBytes(6).toString('hex')}`;
  while (!(await take(file, own))) {
    const holder = await holderOf(file);
    if (holder === undefined) continue; // released meanwhile
    if (await isStale(file, holder)) await removeStale(file, holder);
    else await sleep(RETRY_MS);
  }
  try {
    return await work();
  } finally {
    if ((await holderOf(file)) === own) await rm(file, { force: true });
  }
}

async function take(file: string, own: string): Promise<boolean> {
  try {
    await writeFile(file, own, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function holderOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function isStale(file: string, holder: string): Promise<boolean> {
  if (holder !== '' && !isProcessAlive(holder)) return true;
  const age = await ageOf(file, 'mtimeMs');
  return age !== undefined && Math.abs(age) > STALE_MS; // in the future: the clock has stepped back since
}

/**
 * Removes a stale lock. Of several processes that find the lock, one gets the ticket: a hard link to the lock, named
 * after its holder; a link to another holder's lock is no ticket. So no process removes a lock taken meanwhile.
 */
async function removeStale(file: string, holder: string): Promise<void> {
  const ticket = `${file}.${cutText(Buffer.from(holder).toString('base64url'), 100)}`;
  try {
    await link(file, ticket);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' && code !== 'ENOENT') throw error;
    const age = await ageOf(ticket, 'ctimeMs'); // if old, the ticket's owner died too, between two system calls
    if (age !== undefined && age > STALE_MS) await rm(ticket, { force: true });
    else await sleep(RETRY_MS);
    return;
  }
  if ((await holderOf(ticket)) === holder) await rm(file, { force: true });
  await rm(ticket, { force: true });
}

async function ageOf(file: string, time: 'mtimeMs' | 'ctimeMs'): Promise<number | undefined> {
  try {
    return epochMs() - (await stat(file))[time];
  } catch {
    return undefined; // the file is gone
  }
}

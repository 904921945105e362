import { randomBytes } from 'node:crypto';
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isProcessAlive, processIdentity } from './process-identity.js';

const RETRY_MS = 20;
/** A lock without a readable owner, or of a process of another machine or container, is given up after so long. */
const STALE_MS = 10_000;

/**
 * Runs `work` while no other process that asks for the same lock runs its own. The lock is a file that names its
 * process; one that a process left behind when it died is taken over, by one of those that wait.
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
  return age !== undefined && age > STALE_MS;
}

/**
 * Removes a lock that its holder cannot remove. Of several processes that find it, one gets the ticket, a hard link
 * named after the dead holder; a link to anything but that holder's lock is no ticket. So nobody removes the lock of a
 * process that took it meanwhile.
 */
async function removeStale(file: string, holder: string): Promise<void> {
  const ticket = `${file}.${Buffer.from(holder).toString('base64url').slice(0, 100)}`;
  try {
    await link(file, ticket);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' && code !== 'ENOENT') throw error;
    const age = await ageOf(ticket, 'ctimeMs'); // its owner died too, between two system calls
    if (age !== undefined && age > STALE_MS) await rm(ticket, { force: true });
    else await sleep(RETRY_MS);
    return;
  }
  if ((await holderOf(ticket)) === holder) await rm(file, { force: true });
  await rm(ticket, { force: true });
}

async function ageOf(file: string, time: 'mtimeMs' | 'ctimeMs'): Promise<number | undefined> {
  try {
    return Date.now() - (await stat(file))[time];
  } catch {
    return undefined; // it is gone
  }
}

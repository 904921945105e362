import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The servers of this process: several may share it, and their process id says nothing of which one lives. */
const living = new Set<string>();

/**
 * Names one running server as the owner of its runs: process id, the time at which that process started (ids
 * are used again), and a number of its own.
 */
export function claimOwnerId(): string {
  const owner = `${process.pid}.${startOf(process.pid) ?? ''}.${randomBytes(6).toString('hex')}`;
  living.add(owner);
  return owner;
}

export function releaseOwnerId(owner: string): void {
  living.delete(owner);
}

/** Whether the server that owns a run may still be running it, here or in another process of this machine. */
export function isOwnerAlive(owner: string | null): boolean {
  if (owner === null) return false;
  if (living.has(owner)) return true;
  const [id = '', start = ''] = owner.split('.');
  const pid = Number(id);
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // there, but somebody else's
  }
  return start === (startOf(pid) ?? '');
}

/** proc(5): field 22 of /proc/PID/stat is the start time in clock ticks. Undefined where there is no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

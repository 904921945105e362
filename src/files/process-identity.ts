import { readFileSync } from 'node:fs';

/**
 * Names this process for as long as the machine runs: its id, and the time at which it started, for ids are used
 * again. Shape: `pid.start`; `start` is empty where there is no /proc.
 */
export const processIdentity = (): string => `${process.pid}.${startOf(process.pid) ?? ''}`;

/** Whether the process that {@link processIdentity} named still runs, on this machine. */
export function isProcessAlive(identity: string): boolean {
  const [id = '', start = ''] = identity.split('.');
  const pid = Number(id);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false; // EPERM: there, but another user's
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

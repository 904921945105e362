import { readFileSync } from 'node:fs';

/**
 * Identity of this process, unique until the machine restarts: process id and start time, because ids are reused.
 * Shape: `pid.start`; `start` is empty where there is no /proc.
 */
export const processIdentity = (): string => `${process.pid}.${startOf(process.pid) ?? ''}`;

/** Whether the process of a {@link processIdentity} still runs on this machine. */
export function isProcessAlive(identity: string): boolean {
  const [id = '', start = ''] = identity.split('.');
  const pid = Number(id);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false; // EPERM: a process of another user
  }
  return start === (startOf(pid) ?? '');
}

/** Start time in clock ticks: field 22 of /proc/PID/stat, proc(5). Undefined where there is no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

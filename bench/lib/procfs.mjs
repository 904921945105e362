import { readFileSync } from 'node:fs';

/** Linux reports CPU time in ticks of 1/100 s, whatever the kernel's own timer (USER_HZ in `man 5 proc`). */
const MS_PER_TICK = 10;

/**
 * The CPU time that a process has used so far, in all its threads: user and system, from /proc/PID/stat.
 * @returns {number | undefined} milliseconds, in steps of 10; undefined where there is no /proc
 */
export function cpuMs(pid) {
  if (process.platform !== 'linux') return undefined;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field, the command, may hold spaces: count from its closing parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [utime, stime] = [Number(fields[11]), Number(fields[12])];
  return (utime + stime) * MS_PER_TICK;
}

/** @returns {number | undefined} resident memory in MB; undefined where there is no /proc */
export function rssMb(pid) {
  if (process.platform !== 'linux') return undefined;
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) / 1024;
}

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The absolute path of one that a person has written: `~` is the home directory, what is relative begins at `cwd`. */
export function resolvePath(cwd: string, path: string): string {
  return /^~(?=$|[/\\])/.test(path) ? join(homedir(), path.slice(1)) : resolve(cwd, path);
}

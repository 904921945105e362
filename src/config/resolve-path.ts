import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The absolute path of a user's input: `~` is the home directory, relative paths start at `cwd`. */
export function resolvePath(cwd: string, path: string): string {
  return /^~(?=$|[/\\])/.test(path) ? join(homedir(), path.slice(1)) : resolve(cwd, path);
}

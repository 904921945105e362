import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a directory with mode 0700, and the missing ones above it. Node's own `recursive` never ends on a file system
 * such as /proc, which makes no directories and reports a missing parent.
 * @throws the file system's error
 */
export async function makeDirectory(path: string): Promise<void> {
  const refused = await makeOne(path);
  if (refused === undefined) return;
  if (refused.code !== 'ENOENT' || dirname(path) === path) throw refused;
  await makeDirectory(dirname(path));
  const still = await makeOne(path);
  if (still) throw still;
}

/** Makes one directory. Undefined if it exists now, else the error. */
async function makeOne(path: string): Promise<NodeJS.ErrnoException | undefined> {
  try {
    await mkdir(path, { mode: 0o700 });
    return undefined;
  } catch (error) {
    const isThere = await stat(path).then(
      (stats) => stats.isDirectory(),
      () => false, // the error of mkdir tells more
    );
    return isThere ? undefined : (error as NodeJS.ErrnoException);
  }
}

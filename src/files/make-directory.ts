import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a directory for its owner alone, and those above it, where they are not there. Node's own `recursive` never
 * comes to an end where a file system makes no directories and says that there is none above, as /proc does.
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

/** Undefined where the directory is there now. */
async function makeOne(path: string): Promise<NodeJS.ErrnoException | undefined> {
  try {
    await mkdir(path, { mode: 0o700 });
    return undefined;
  } catch (error) {
    const isThere = await stat(path).then(
      (stats) => stats.isDirectory(),
      () => false, // what mkdir said tells more
    );
    return isThere ? undefined : (error as NodeJS.ErrnoException);
  }
}

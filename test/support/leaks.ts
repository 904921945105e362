import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The key of the scripted model. It must not be seen anywhere in the whole run of the end-to-end tests. */
export const SENTINEL_KEY = 'sk-test-sentinel';

/** @throws when the key stands in what a server has said or written */
export function requireNoKey(where: string, text: string): void {
  if (!text.includes(SENTINEL_KEY)) return;
  const at = text.indexOf(SENTINEL_KEY);
  throw new Error(`The model's key is in ${where}: …${text.slice(Math.max(0, at - 80), at + 40)}…`);
}

/** Looks through the database and whatever else a server has left in its data directory. */
export async function requireNoKeyBelow(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    requireNoKey(file, (await readFile(file)).toString('latin1'));
  }
}

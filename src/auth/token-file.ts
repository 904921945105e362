import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TOKENS_FILE } from '../files/data-directory.js';
import { withFileLock } from '../files/file-lock.js';
import { makeDirectory } from '../files/make-directory.js';
import { replaceOwnFile } from '../files/own-file.js';
import { SCOPES, type TokenEntry } from './token.js';

/** The tokens cannot be read or written. The message names the file and says what to do. */
export class TokensUnreadable extends Error {
  override readonly name = 'TokensUnreadable';
}

const schema = z.object({
  tokens: z.array(
    z.object({
      id: z.string().min(1),
      name: z.string().min(1),
      scopes: z.array(z.enum(SCOPES)),
      createdAt: z.int(),
      expiresAt: z.int().nullable(),
      hash: z.string().regex(/^[0-9a-f]{64}$/),
      parent: z.string().optional(),
    }),
  ),
});

/**
 * The entries of `tokens.json`; none when there is no such file.
 * @throws TokensUnreadable
 */
export async function readTokens(dataDir: string): Promise<readonly TokenEntry[]> {
  const file = join(dataDir, TOKENS_FILE);
  try {
    return schema.parse(JSON.parse(await readFile(file, 'utf8'))).tokens;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    const reason = code ?? 'it is not what agent-tars has written';
    throw new TokensUnreadable(
      `${file} cannot be read (${reason}). Mend it, or delete it with all its tokens.`,
    );
  }
}

/** New entries of the file, and a result for the caller. */
export interface Change<T> {
  readonly tokens: readonly TokenEntry[];
  readonly result: T;
}

/**
 * Replaces the entries by the result of `change`. Changes of several processes run one after another, and a reader
 * sees the entries before or after one, never a part.
 * @throws TokensUnreadable, and what `change` throws: nothing has been changed then
 */
export async function changeTokens<T>(
  dataDir: string,
  change: (tokens: readonly TokenEntry[]) => Change<T> | Promise<Change<T>>,
): Promise<T> {
  const file = join(dataDir, TOKENS_FILE);
  try {
    await makeDirectory(dataDir);
    return await withFileLock(`${file}.lock`, async () => {
      const { tokens, result } = await change(await readTokens(dataDir));
      await replaceOwnFile(file, `${JSON.stringify({ tokens }, undefined, 2)}\n`);
      return result;
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (typeof code !== 'string') throw error; // no error of the file system
    throw new TokensUnreadable(
      `${file} cannot be written (${code}). See to it, or choose another --data-dir.`,
    );
  }
}

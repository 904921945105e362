import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TRUSTED_CONFIGS_FILE } from '../files/data-directory.js';
import { makeDirectory } from '../files/make-directory.js';
import { replaceOwnFile } from '../files/own-file.js';

/** A configuration file, with its content when the user accepted it. */
export interface AcceptedConfig {
  /** Real path of the file. */
  readonly path: string;
  /** Hash of the content, in hexadecimal digits. */
  readonly sha256: string;
}

const schema = z.object({
  directory: z.string(),
  accepted: z.array(z.object({ path: z.string(), sha256: z.string() })),
});

/** Whether the user has accepted a file with exactly this content. */
export async function isTrusted(dataDir: string, { path, sha256 }: AcceptedConfig): Promise<boolean> {
  const accepted = await readAccepted(dataDir);
  return accepted.some((each) => each.path === path && each.sha256 === sha256);
}

/**
 * Stores that the user has accepted a file; replaces an earlier acceptance of that file.
 * @throws the file system's error, where the data directory cannot be written
 */
export async function trust(dataDir: string, config: AcceptedConfig): Promise<void> {
  await makeDirectory(dataDir);
  const others = (await readAccepted(dataDir)).filter(({ path }) => path !== config.path);
  const stored = { directory: await identityOf(dataDir), accepted: [...others, config] };
  await replaceOwnFile(join(dataDir, TRUSTED_CONFIGS_FILE), `${JSON.stringify(stored, undefined, 2)}\n`);
}

/** The accepted files; none if the list is unreadable or from another directory: the user is asked again. */
async function readAccepted(dataDir: string): Promise<readonly AcceptedConfig[]> {
  try {
    const text = await readFile(join(dataDir, TRUSTED_CONFIGS_FILE), 'utf8');
    const { directory, accepted } = schema.parse(JSON.parse(text));
    return directory === (await identityOf(dataDir)) ? accepted : [];
  } catch {
    return [];
  }
}

/**
 * Identity of a data directory, different for a copy: a cloned repository may contain a data directory with a list that
 * accepts the repository's own configuration.
 */
async function identityOf(dataDir: string): Promise<string> {
  const { ino, birthtimeNs } = await stat(dataDir, { bigint: true });
  return `${ino}-${birthtimeNs}`;
}

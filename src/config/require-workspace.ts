import { stat } from 'node:fs/promises';
import { InvalidConfig } from './invalid-config.js';

/**
 * Checks that the agent's workspace is a directory.
 * @param workspace an absolute path
 * @throws InvalidConfig
 */
export async function requireWorkspace(workspace: string): Promise<void> {
  const problem = await stat(workspace).then(
    (stats) => (stats.isDirectory() ? undefined : 'that is none'),
    (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? 'there is nothing' : `it cannot be looked into (${error.code})`,
  );
  if (problem === undefined) return;
  throw new InvalidConfig([
    `workspace is ${JSON.stringify(workspace)}, but must be a directory, and ${problem}.`,
  ]);
}

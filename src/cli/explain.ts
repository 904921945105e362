import { readFileSync } from 'node:fs';
import { printable } from './printable.js';
import { InvalidConfig } from '../config/index.js';
import { dropUnreadOutput } from './standard-streams.js';

/** Names of errors that the user can mend: printed without a stack. */
const EXPECTED = new Set([
  'CannotListen',
  'DatabaseNotOpened',
  'DataInUse',
  'NoSqliteDriver',
  'TokenError',
  'TokensUnreadable',
]);

/** An error's message for the user, printable: text from a file must not control the terminal. */
export function explain(error: unknown): string {
  return wordsOf(error).split('\n').map(printable).join('\n');
}

function wordsOf(error: unknown): string {
  if (error instanceof InvalidConfig) return error.message;
  if (!(error instanceof Error)) return String(error);
  const peer = missingPeer(error);
  if (peer !== undefined) return howToInstall(peer);
  return EXPECTED.has(error.name) ? error.message : (error.stack ?? error.message);
}

/** Name of a missing package of Nest. */
function missingPeer(error: Error): string | undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') return undefined;
  return /Cannot find package '(@nestjs\/[a-z.-]+)/.exec(error.message)?.[1];
}

/** Nest 11: the newest major version that Yarn 1, which leaves peers to its user, installs on Node 20. */
function howToInstall(missing: string): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { peerDependencies } = JSON.parse(manifest) as { peerDependencies: Record<string, string> };
  const all = Object.keys(peerDependencies).map((name) => `${name}@11`);
  return `${missing} is not installed: it is a peer dependency, which this package manager does not install by itself. Add all of them, here with Yarn: yarn add ${all.join(' ')}`;
}

/** Runs a command; if it fails, prints the reason and sets exit code 1. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  dropUnreadOutput();
  try {
    await command();
  } catch (error) {
    console.error(explain(error));
    process.exitCode = 1;
  }
}

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
  return EXPECTED.has(error.name) ? error.message : (error.stack ?? error.message);
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

import { printable } from './printable.js';
import { InvalidConfig } from '../config/index.js';

/** What the person at the command line can mend: told in a line each, without a stack. */
const EXPECTED = new Set([
  'CannotListen',
  'DatabaseNotOpened',
  'NoSqliteDriver',
  'TokenError',
  'TokensUnreadable',
]);

/** What an error says to the person who gave the command. A file's own words in it steer no terminal. */
export function explain(error: unknown): string {
  return wordsOf(error).split('\n').map(printable).join('\n');
}

function wordsOf(error: unknown): string {
  if (error instanceof InvalidConfig) return error.message;
  if (!(error instanceof Error)) return String(error);
  return EXPECTED.has(error.name) ? error.message : (error.stack ?? error.message);
}

/** Runs a command; one that fails says why, and leaves with 1. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    console.error(explain(error));
    process.exitCode = 1;
  }
}

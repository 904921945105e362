import { printable } from './printable.js';
import { isExpired, type TokenEntry } from '../auth/token.js';
import { readTokens } from '../auth/token-file.js';
import { runCommand } from './explain.js';
import { dataDirOf, showTime, type TokenFlags } from './token-options.js';

/** `agent-tars token list`: a table of the tokens, without their hashes. */
export function list(flags: TokenFlags): Promise<void> {
  return runCommand(async () => {
    const tokens = await readTokens(await dataDirOf(flags));
    if (tokens.length === 0) console.log('There are no tokens yet: "agent-tars token create" makes one.');
    else console.log(table([['ID', 'NAME', 'SCOPES', 'CREATED', 'EXPIRES'], ...tokens.map(rowOf)]));
  });
}

function rowOf(entry: TokenEntry): string[] {
  const expires = showTime(entry.expiresAt) + (isExpired(entry) ? ' (expired)' : '');
  return [
    printable(entry.id),
    printable(entry.name),
    entry.scopes.join(','),
    showTime(entry.createdAt),
    expires,
  ];
}

function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}

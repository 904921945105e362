import { cutText } from '../common/text.js';
import { inspect } from 'node:util';
import { maskSecrets } from '../common/secret.js';
import type { AppConfig } from '../config/index.js';
import { printable } from './printable.js';

const MAX_CHARS = 1_000;

/**
 * Keeps the process alive when a promise is rejected that nobody awaits, as tools and extensions may leave some. Only
 * for a process that is this server's own: an embedder decides for itself.
 */
export function surviveRejections({ secrets, logLevel }: AppConfig): void {
  process.on('unhandledRejection', (reason) => {
    if (logLevel === 'silent') return;
    const line = maskSecrets(`A promise that nobody awaited was rejected: ${describe(reason)}`, secrets);
    console.error(cutText(printable(line), MAX_CHARS));
  });
}

/** Message and first stack frame, in one line. */
function describe(reason: unknown): string {
  if (!(reason instanceof Error)) return inspect(reason, { depth: 0, breakLength: Infinity });
  const place = /^ +at (.+)$/m.exec(reason.stack ?? '')?.[1];
  const message = `${reason.name}: ${reason.message}`.replace(/\s+/g, ' ');
  return place === undefined ? message : `${message} (at ${place})`;
}

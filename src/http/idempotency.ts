import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { InvalidInput } from '../common/errors.js';

/** How long an idempotency key is remembered. */
export const KEY_LIFETIME_MS = 24 * 60 * 60 * 1_000;

/** Characters of an idempotency key. */
export const MAX_KEY_LENGTH = 200;

/** The request's Idempotency-Key; undefined without one. @throws InvalidInput for an empty or too long one */
export const IdempotencyKey = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const key = context.switchToHttp().getRequest<IncomingMessage>().headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (key.length > 0 && key.length <= MAX_KEY_LENGTH) return key;
  throw new InvalidInput(
    `Idempotency-Key must be a text of 1 to ${MAX_KEY_LENGTH} characters, such as a UUID.`,
  );
});

/** Notes on an answer that an earlier request with the same key had done what was asked for. */
export function markReplayed<T extends { readonly replayed: boolean }>(res: ServerResponse, done: T): T {
  if (done.replayed) res.setHeader('idempotency-replayed', 'true');
  return done;
}

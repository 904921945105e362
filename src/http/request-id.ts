import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The header that names a request, in both directions, and in the log. */
export const REQUEST_ID = 'x-request-id';

/** Ids that a client or a proxy may give: nothing that could end a line of the log, or be long in it. */
const ACCEPTED = /^[\w.:-]{1,128}$/;

// An id is no secret, only different from others: a counter costs a request nothing.
const PROCESS = randomBytes(6).toString('base64url');
let count = 0;

/** Makes an id for a request that came without one. */
export function newRequestId(): string {
  count += 1;
  return `${PROCESS}-${count.toString(36)}`;
}

/** The id that came with the request; a new one if there is none, or none that is accepted. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers[REQUEST_ID];
  return typeof given === 'string' && ACCEPTED.test(given) ? given : newRequestId();
}

/** The id that the answer bears; undefined before the door has set one. */
export function answeredId(res: ServerResponse): string | undefined {
  return res.getHeader(REQUEST_ID) as string | undefined;
}

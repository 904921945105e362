import type { Response } from 'express';
import { markReplayed } from '../http/idempotency.js';
import type { Created } from './session-creation.js';

/** Says on the answer to a creation where the session is, and whether it was there before. */
export function announce(res: Response, created: Created): Created {
  const { path } = res.req;
  const parent = path.slice(0, path.replace(/\/+$/, '').lastIndexOf('/'));
  res.location(`${parent}/details?sessionId=${created.session.id}`);
  return markReplayed(res, created);
}

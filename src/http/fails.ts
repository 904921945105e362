import { type CustomDecorator, SetMetadata } from '@nestjs/common';
import type { ErrorCode } from '../common/errors.js';

const FAILS = 'agent-tars:fails';

/**
 * Names the codes that a route, or every route of a controller, may fail with, for the API's documentation. Codes that
 * every route may fail with (a missing token, a wrong body) need no naming.
 */
export const Fails = (...codes: readonly ErrorCode[]): CustomDecorator => SetMetadata(FAILS, codes);

/** The codes that were named for a route, its controller's first; none where nothing was. */
export function namedFailures(controller: object, method: object): readonly ErrorCode[] {
  return [controller, method].flatMap(
    (target) => (Reflect.getMetadata(FAILS, target) as readonly ErrorCode[] | undefined) ?? [],
  );
}

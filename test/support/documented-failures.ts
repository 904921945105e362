import { RequestMethod, type Type } from '@nestjs/common';
import { METHOD_METADATA, MODULE_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner } from '@nestjs/core';
import { failuresOf } from '../../src/docs/failures.js';
import { namedFailures } from '../../src/http/fails.js';

/** A route of the server with the codes that the API document says it may fail with. */
interface Route {
  readonly method: string;
  readonly path: RegExp;
  readonly codes: ReadonlySet<string>;
}

let routes: Promise<readonly Route[]> | undefined;

/**
 * Fails when a route answers with a code that is not documented for it. Every request of every test that goes through
 * a client is looked at, so that a code which somebody adds is not forgotten. Paths that are no route of the server's own
 * say nothing.
 */
export async function requireDocumented(
  method: string,
  url: string,
  { code }: { code?: unknown },
): Promise<void> {
  const path = /^\/api(?:\/v1)?(\/[^?#]*)/.exec(url)?.[1];
  if (path === undefined || typeof code !== 'string') return;
  const route = (await (routes ??= allRoutes())).find(
    (each) => each.method === method && each.path.test(path),
  );
  // A server with another base path has no routes here.
  if (!route || code === 'ROUTE_NOT_FOUND' || route.codes.has(code)) return;
  throw new Error(
    `${method} ${path} answered ${code}, which is not documented: name it in the route's @Fails.`,
  );
}

/** Loaded with the first refusal: many tests see none, and start the server in a process of its own. */
async function allRoutes(): Promise<Route[]> {
  const { FEATURES } = await import('../../src/app.module.js');
  const controllers = FEATURES.flatMap(
    (feature) => (Reflect.getMetadata(MODULE_METADATA.CONTROLLERS, feature) ?? []) as Type[],
  );
  return controllers.flatMap((controller) => {
    const prototype = controller.prototype as Record<string, object>;
    return new MetadataScanner()
      .getAllMethodNames(prototype)
      .flatMap((name) => routeOf(controller, prototype[name] ?? {}));
  });
}

function routeOf(controller: Type, handler: object): Route[] {
  const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
  if (method === undefined) return [];
  const parts = [controller, handler].map((each) => Reflect.getMetadata(PATH_METADATA, each) as string);
  const pattern = parts
    .flatMap((part) => part.split('/'))
    .filter((part) => part !== '')
    .map((part) =>
      part.startsWith('*') ? '.+' : part.startsWith(':') ? '[^/]+' : part.replaceAll('.', '\\.'),
    );
  if (pattern.length === 0) return []; // the page at /, which is not below the base path
  // What was sent is not known here: a body that a GET came with may be wrong as well.
  const fallible = { hasBody: true, hasInput: true, isOpen: false };
  const failures = failuresOf({ failures: namedFailures(controller, handler), ...fallible });
  return [
    {
      method: RequestMethod[method],
      path: new RegExp(`^/${pattern.join('/')}/?$`, 'i'),
      codes: new Set([...failures.values()].flat()),
    },
  ];
}

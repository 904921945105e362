import { type INestApplication, RequestMethod, type Type } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner } from '@nestjs/core';
import { modulesOf } from '../http/nest-modules.js';

/** A route of this server's own API, below its base path. */
export interface NestRoute {
  readonly method: string;
  /** Pattern of the path, in lower case and without a slash at the end. */
  readonly path: RegExp;
}

/** The routes of some modules' controllers, as opposed to those of what extends the server. */
export function routesOf(app: INestApplication, modules: readonly Type[]): NestRoute[] {
  const own = [...modulesOf(app).values()].filter(({ metatype }) => modules.includes(metatype));
  return own.flatMap(({ controllers }) =>
    [...controllers.values()].flatMap(({ metatype }) => routesOfController(metatype)),
  );
}

function routesOfController(controller: unknown): NestRoute[] {
  if (typeof controller !== 'function') return [];
  const prototype = controller.prototype as Record<string, object>;
  const names = new MetadataScanner().getAllMethodNames(prototype);
  return names.flatMap((name) => {
    const handler = prototype[name];
    const method = handler && (Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined);
    if (method === undefined) return [];
    const path = `${pathOf(controller)}/${pathOf(handler ?? {})}`;
    return [{ method: RequestMethod[method], path: toPattern(path) }];
  });
}

function pathOf(target: object): string {
  return Reflect.getMetadata(PATH_METADATA, target) as string;
}

function toPattern(path: string): RegExp {
  const parts = path.split('/').filter(Boolean);
  const patterns = parts.map((part) =>
    part.startsWith(':') ? '[^/]+' : part.toLowerCase().replace(/[^\w-]/g, '\\$&'),
  );
  return new RegExp(`^/${patterns.join('/')}$`);
}

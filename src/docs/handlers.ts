import type { INestApplication, Type } from '@nestjs/common';
import { MetadataScanner } from '@nestjs/core';
import { modulesOf } from '../http/nest-modules.js';
import { namedFailures } from '../http/fails.js';
import type { ErrorCode } from '../common/errors.js';

/** A method of a controller. */
export interface Handler {
  /** Of the operation that it answers, as Swagger names it. */
  readonly operationId: string;
  /** Classes of its parameters. */
  readonly inputs: readonly Type[];
  /** Codes that were named for it. */
  readonly failures: readonly ErrorCode[];
}

/** The methods of all controllers. */
export function handlersOf(app: INestApplication): Handler[] {
  const controllers = [...modulesOf(app).values()].flatMap((module) => [...module.controllers.values()]);
  return controllers.flatMap(({ metatype }) => (metatype ? handlersIn(metatype as Type) : []));
}

function handlersIn(controller: Type): Handler[] {
  const prototype = controller.prototype as Record<string, object>;
  return new MetadataScanner().getAllMethodNames(prototype).map((name) => {
    const types = (Reflect.getMetadata('design:paramtypes', prototype, name) ?? []) as unknown[];
    return {
      operationId: `${controller.name}_${name}`,
      inputs: types.filter((type): type is Type => typeof type === 'function'),
      failures: namedFailures(controller, prototype[name] ?? {}),
    };
  });
}

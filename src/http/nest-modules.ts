import type { INestApplication } from '@nestjs/common';
import type { ModulesContainer, NestContainer } from '@nestjs/core';

/** The modules whose controllers an application mounts. Nest keeps them to itself; `@nestjs/swagger` reads them so too. */
export function modulesOf(app: INestApplication): ModulesContainer {
  return (app as unknown as { readonly container: NestContainer }).container.getModules();
}

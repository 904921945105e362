import type { INestApplication, Type } from '@nestjs/common';
import { MetadataScanner } from '@nestjs/core';
import type { OpenAPIObject } from '@nestjs/swagger';
import { modulesOf } from '../http/nest-modules.js';
import { buildInfo } from '../config/index.js';
import { type ApiTypes, readApiTypes, type Schema } from './api-types.js';
import { InputSchemas } from './input-schemas.js';

/** An operation in Swagger's document. */
interface Operation {
  readonly operationId: string;
  parameters: readonly { readonly in: string }[];
  readonly requestBody?: {
    required: boolean;
    readonly content: { readonly 'application/json': { readonly schema: { readonly $ref?: string } } };
  };
  responses: Record<string, object>;
}

/**
 * The OpenAPI 3.1 document of an application, without its `servers`: routes and requests from Nest and the validators at run time, answers and
 * descriptions from the TypeScript code at build time.
 */
export async function buildDocument(
  app: INestApplication,
  title: string,
  about: string,
): Promise<OpenAPIObject> {
  // Loading Swagger costs a quarter of a second and 10 MB: not before the first request.
  const { ApiProperty, DocumentBuilder, SwaggerModule } = await import('@nestjs/swagger');
  const [types, { version }] = await Promise.all([readApiTypes(), buildInfo()]);
  const inputs = new InputSchemas(ApiProperty, types);
  for (const parameter of parameterTypes(app)) inputs.describe(parameter);
  const info = new DocumentBuilder().setOpenAPIVersion('3.1.0').setTitle(title).setDescription(about);
  const document = SwaggerModule.createDocument(app, info.setVersion(version).build());
  delete document.servers; // the service names them, for each request
  return complete(document, types);
}

/** Parameter classes of all controllers' methods. */
function parameterTypes(app: INestApplication): Type[] {
  const scanner = new MetadataScanner();
  const controllers = [...modulesOf(app).values()].flatMap((module) => [...module.controllers.values()]);
  return controllers.flatMap(({ metatype }) => {
    const prototype = metatype?.prototype as object;
    const types = scanner
      .getAllMethodNames(prototype)
      .flatMap((method) => Reflect.getMetadata('design:paramtypes', prototype, method) as unknown);
    return types.filter((type) => typeof type === 'function') as Type[];
  });
}

/** Adds the answers and descriptions of the build. Without a build, operations have their requests only. */
function complete(document: OpenAPIObject, { operations, schemas }: ApiTypes): OpenAPIObject {
  const named = { ...schemas, ...document.components?.schemas } as Record<string, Schema>;
  for (const operation of Object.values(document.paths).flatMap(operationsOf)) {
    const { response, headers = [], ...texts } = operations[operation.operationId] ?? {};
    const [status = '200'] = Object.keys(operation.responses);
    Object.assign(operation, texts);
    // Swagger marks each header that a method reads as required; Nest requires none.
    operation.parameters = [...operation.parameters.filter((each) => each.in !== 'header'), ...headers];
    operation.responses = {
      [status]: response ?? { description: 'Success.' },
      '4XX': { $ref: '#/components/responses/Refused' },
      '5XX': { $ref: '#/components/responses/Failed' },
    };
    const body = operation.requestBody;
    if (body) body.required = 'required' in resolve(body.content['application/json'].schema, named);
  }
  document.components = { ...document.components, schemas: named, responses: errorsOf('ErrorBody' in named) };
  return document;
}

function operationsOf(item: object): Operation[] {
  return Object.values(item) as Operation[];
}

/** The schema of a body's reference. A body without required fields is optional. */
function resolve({ $ref = '' }: { readonly $ref?: string }, named: Readonly<Record<string, Schema>>): Schema {
  return named[$ref.slice($ref.lastIndexOf('/') + 1)] ?? {};
}

function errorsOf(known: boolean): Record<string, { description: string }> {
  const schema = { $ref: '#/components/schemas/ErrorBody' };
  const body = known && { content: { 'application/json': { schema } } };
  return {
    Refused: { description: 'The request cannot be met as it is. The code says why.', ...body },
    Failed: { description: 'The server, or the model behind it, failed. The code says why.', ...body },
  };
}

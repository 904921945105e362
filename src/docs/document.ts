import type { INestApplication } from '@nestjs/common';
import type { OpenAPIObject } from '@nestjs/swagger';
import { buildInfo } from '../config/index.js';
import { type ApiTypes, readApiTypes, type Schema } from './api-types.js';
import { HEADERS, LICENSE, schemasFor, SECURITY_SCHEMES } from './components.js';
import { EXAMPLES } from './examples.js';
import { FailureComponents, failuresOf } from './failures.js';
import { type Handler, handlersOf } from './handlers.js';
import { InputSchemas } from './input-schemas.js';

/** Properties of the server that its document states. */
export interface Documented {
  readonly title: string;
  readonly about: string;
  readonly requiresToken: boolean;
  /** Whether a path is open to everybody. */
  readonly isOpen: (path: string) => boolean;
}

/** An operation in Swagger's document. */
interface Operation {
  readonly operationId: string;
  parameters: readonly { readonly in: string }[];
  readonly requestBody?: {
    required: boolean;
    readonly content: {
      readonly 'application/json': { readonly schema: { readonly $ref?: string }; example?: unknown };
    };
  };
  responses: Record<string, object>;
  security?: readonly object[];
}

/**
 * The OpenAPI 3.1 document of an application, without its `servers`: routes and requests from Nest and the validators at
 * run time, answers and descriptions from the TypeScript code at build time.
 */
export async function buildDocument(app: INestApplication, server: Documented): Promise<OpenAPIObject> {
  // Loading Swagger costs a quarter of a second and 10 MB: not before the first request.
  const { ApiProperty, DocumentBuilder, SwaggerModule } = await import('@nestjs/swagger');
  const [types, { version }] = await Promise.all([readApiTypes(), buildInfo()]);
  const handlers = handlersOf(app);
  const inputs = new InputSchemas(ApiProperty, types);
  for (const input of handlers.flatMap((handler) => handler.inputs)) inputs.describe(input);
  const info = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle(server.title)
    .setDescription(server.about);
  const document = SwaggerModule.createDocument(app, info.setVersion(version).build());
  delete document.servers; // the service names them, for each request
  return new Completion(document, types, handlers).complete(server);
}

/** Adds the answers, failures and descriptions. Without a build, operations have their requests and failures only. */
class Completion {
  private readonly named: Readonly<Record<string, Schema>>;
  private readonly failures: FailureComponents;
  private readonly handlers: ReadonlyMap<string, Handler>;

  constructor(
    private readonly document: OpenAPIObject,
    private readonly types: ApiTypes,
    handlers: readonly Handler[],
  ) {
    this.named = { ...types.schemas, ...document.components?.schemas } as Record<string, Schema>;
    this.failures = new FailureComponents(types.schemas['ErrorBody']);
    this.handlers = new Map(handlers.map((handler) => [handler.operationId, handler]));
  }

  complete({ requiresToken, isOpen }: Documented): OpenAPIObject {
    const { document, failures } = this;
    for (const [path, item] of Object.entries(document.paths)) {
      for (const operation of Object.values(item) as Operation[]) this.addTo(operation, isOpen(path));
    }
    const schemas = schemasFor([document.paths, failures.schemas], { ...this.named, ...failures.schemas });
    const components = { schemas: { ...schemas, ...failures.schemas }, responses: failures.responses };
    return Object.assign(document, {
      info: { ...document.info, license: LICENSE },
      tags: Object.entries(this.types.tags).map(([name, description]) => ({ name, description })),
      security: [...(requiresToken ? [] : [{}]), { bearer: [] }, { cookie: [] }],
      components: { ...components, headers: HEADERS, securitySchemes: SECURITY_SCHEMES },
    });
  }

  private addTo(operation: Operation, isOpen: boolean): void {
    const { operationId, requestBody } = operation;
    const { headers = [], response, ...texts } = this.types.operations[operationId] ?? {};
    Object.assign(operation, texts);
    // Swagger marks each header that a method reads as required; Nest requires none.
    operation.parameters = [...operation.parameters.filter((each) => each.in !== 'header'), ...headers];
    operation.responses = this.responsesOf(operation, response, isOpen);
    if (isOpen) operation.security = [];
    if (!requestBody) return;
    const body = requestBody.content['application/json'];
    requestBody.required = 'required' in this.resolve(body.schema);
    const example = EXAMPLES[operationId]?.request;
    if (example !== undefined) body.example = example;
  }

  private responsesOf(operation: Operation, response: object | undefined, isOpen: boolean) {
    const { operationId, requestBody, parameters } = operation;
    const [status = '200'] = Object.keys(operation.responses);
    const { failures = [] } = this.handlers.get(operationId) ?? {};
    const takes = { hasBody: requestBody !== undefined, hasInput: parameters.length > 0 };
    const refused = [...failuresOf({ failures, isOpen, ...takes })].map(
      ([code, codes]) => [String(code), this.failures.refTo(codes)] as const,
    );
    return { [status]: this.success(operation, status, response), ...Object.fromEntries(refused) };
  }

  private success({ operationId, parameters }: Operation, status: string, response: object = {}): object {
    const names = ['X-Request-Id', ...(status === '201' ? ['Location'] : [])];
    const takesKey = parameters.some((each) => (each as { name?: string }).name === 'Idempotency-Key');
    if (takesKey) names.push('Idempotency-Replayed');
    const headers = names.map((name) => [name, { $ref: `#/components/headers/${name}` }]);
    const answer = {
      description: 'Success.',
      ...response,
      headers: Object.fromEntries(headers) as object,
    } as { content?: Record<string, { example?: unknown }> };
    const example = EXAMPLES[operationId]?.response;
    const json = answer.content?.['application/json'];
    if (!json || example === undefined) return answer;
    return { ...answer, content: { 'application/json': { ...json, example } } };
  }

  /** The schema of a body's reference. A body without required fields is optional. */
  private resolve({ $ref = '' }: { readonly $ref?: string }): Schema {
    return this.named[$ref.slice($ref.lastIndexOf('/') + 1)] ?? {};
  }
}

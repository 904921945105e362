import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from '@jest/globals';

type Json = Readonly<Record<string, unknown>>;

export interface Operation {
  readonly path: string;
  readonly method: string;
  readonly operationId: string;
  readonly summary?: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly security?: readonly Json[];
  readonly responses: Readonly<
    Record<string, { readonly $ref?: string; readonly headers?: Json; readonly content?: Content }>
  >;
}

type Content = Readonly<Record<string, { readonly schema?: Json; readonly example?: unknown }>>;

export interface ApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly security: readonly Json[];
  readonly components: {
    readonly schemas: Readonly<Record<string, Json>>;
    readonly securitySchemes: Json;
  };
}

export function operationsOf({ paths }: ApiDocument): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, path, method })),
  );
}

/** Where a JSON pointer leads within the document; undefined when it leads nowhere. */
export function resolve(document: object, pointer: string): unknown {
  const steps = pointer.split('/').slice(1);
  return steps
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((at, step) => (at as Json | undefined)?.[step], document);
}

/** Every `$ref` that stands somewhere in a document. */
export function refsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner] : refsOf(inner),
  );
}

/** Checks values against the schemas of a document, more strictly than it asks for: no field may be unknown. */
export class DocumentChecker {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });

  constructor(document: object) {
    this.ajv.addSchema(closed(document), 'api');
  }

  expect(value: unknown, pointer: string): void {
    const fits = this.ajv.compile({ $ref: `api#${pointer}` });
    fits(value);
    expect(
      (fits.errors ?? []).map(({ instancePath, message, params }) => ({ instancePath, message, params })),
    ).toEqual([]);
  }
}

/** Every object that lists its properties, and says nothing of others, has those alone. */
function closed<T>(value: T): T {
  if (Array.isArray(value)) return value.map(closed) as T;
  if (typeof value !== 'object' || value === null) return value;
  const inner = Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, closed(each as unknown)]),
  );
  const isOpen = !('properties' in value) || 'additionalProperties' in value;
  return (isOpen ? inner : { ...inner, additionalProperties: false }) as T;
}

import { STATUS_CODES } from 'node:http';
import { ERROR_STATUS, type ErrorCode, RETRY_AFTER_MS } from '../common/errors.js';
import type { Schema } from './api-types.js';

/** Codes of whatever stands before the routes. */
const OF_EVERY_ROUTE: readonly ErrorCode[] = ['FORBIDDEN', 'HEADERS_TOO_LARGE', 'RATE_LIMITED', 'INTERNAL'];
const OF_A_BODY: readonly ErrorCode[] = [
  'INVALID_JSON',
  'REQUEST_TIMEOUT',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
];

/** Properties of an operation that decide how it may fail. */
export interface Fallible {
  readonly failures: readonly ErrorCode[];
  readonly hasBody: boolean;
  /** Whether it takes anything that can be wrong. */
  readonly hasInput: boolean;
  /** Whether it is open to everybody, also where tokens are required. */
  readonly isOpen: boolean;
}

/** Every code that an operation may fail with, by its status, in ascending order. */
export function failuresOf({ failures, hasBody, hasInput, isOpen }: Fallible): Map<number, ErrorCode[]> {
  const codes = new Set<ErrorCode>([
    ...OF_EVERY_ROUTE,
    ...(isOpen ? [] : (['UNAUTHORIZED'] as const)),
    ...(hasInput || hasBody ? (['INVALID_INPUT'] as const) : []),
    ...(hasBody ? OF_A_BODY : []),
    ...failures,
  ]);
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of [...codes].sort((a, b) => ERROR_STATUS[a] - ERROR_STATUS[b] || (a < b ? -1 : 1))) {
    byStatus.set(ERROR_STATUS[code], [...(byStatus.get(ERROR_STATUS[code]) ?? []), code]);
  }
  return byStatus;
}

/** The responses of failures, and their schemas, as components of one document: each set of codes is described once. */
export class FailureComponents {
  readonly responses: Record<string, object> = {};
  readonly schemas: Record<string, Schema> = {};

  /** @param errorBody the schema of every error; undefined without a build */
  constructor(private readonly errorBody: Schema | undefined) {}

  /** A reference to the response with one of these codes, all of one status. */
  refTo(codes: readonly ErrorCode[]): { readonly $ref: string } {
    const name = codes.map(pascalCase).join('Or');
    this.responses[name] ??= this.describe(codes);
    return { $ref: `#/components/responses/${name}` };
  }

  private describe(codes: readonly ErrorCode[]): object {
    const status = ERROR_STATUS[codes[0] ?? 'INTERNAL'];
    const headers = Object.entries(HEADERS_OF)
      .filter(([, applies]) => codes.some(applies))
      .map(([header]) => [header, { $ref: `#/components/headers/${header}` }]);
    return {
      description: `${STATUS_CODES[status] ?? 'Failed'}: ${codes.join(' or ')}.`,
      headers: Object.fromEntries(headers) as object,
      ...(this.errorBody && { content: { 'application/json': { schema: this.schemaOf(codes) } } }),
    };
  }

  private schemaOf(codes: readonly ErrorCode[]): Schema {
    const refs = codes.map((code) => this.schemaRef(code));
    if (refs.length === 1) return { $ref: refs[0] };
    const mapping = Object.fromEntries(codes.map((code, i) => [code, refs[i]]));
    return { oneOf: refs.map(($ref) => ({ $ref })), discriminator: { propertyName: 'code', mapping } };
  }

  private schemaRef(code: ErrorCode): string {
    const name = `${pascalCase(code)}Error`;
    const { properties, ...body } = this.errorBody as { readonly properties: Schema };
    this.schemas[name] = { ...body, properties: { ...properties, code: { type: 'string', const: code } } };
    return `#/components/schemas/${name}`;
  }
}

/** Headers of an error's response, and the codes that have them. */
const HEADERS_OF: Readonly<Record<string, (code: ErrorCode) => boolean>> = {
  'X-Request-Id': () => true,
  'Retry-After': (code) => code in RETRY_AFTER_MS,
  'WWW-Authenticate': (code) => code === 'UNAUTHORIZED',
};

const pascalCase = (code: string): string =>
  code.toLowerCase().replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());

import { readFile } from 'node:fs/promises';

/** JSON Schema, as far as it is needed here. */
export type Schema = Readonly<Record<string, unknown>>;

/** What the build has read out of the TypeScript types and docstrings; see `scripts/api-types.mjs`. */
export interface ApiTypes {
  /** By `Controller_method`, which is also the operation's id. */
  readonly operations: Readonly<Record<string, OperationTypes>>;
  /** The classes that requests are checked by, by name. */
  readonly inputs: Readonly<Record<string, { readonly properties?: Readonly<Record<string, Schema>> }>>;
  /** The named schemas that the others refer to. */
  readonly schemas: Readonly<Record<string, Schema>>;
}

export interface OperationTypes {
  readonly summary?: string;
  readonly description?: string;
  /** The request's headers: OpenAPI parameter objects. */
  readonly headers: readonly { readonly name: string; readonly in: 'header'; readonly schema: Schema }[];
  /** The successful answer: an OpenAPI response object. */
  readonly response: {
    readonly description: string;
    readonly content?: Readonly<Record<string, { schema?: Schema }>>;
  };
}

// Reached from src/ (tests) and from dist/ alike.
const FILE = new URL('../../dist/api-types.json', import.meta.url);

/** Reads what the build has left. Empty when there was none: `nest start` alone makes no such file. */
export async function readApiTypes(): Promise<ApiTypes> {
  try {
    return JSON.parse(await readFile(FILE, 'utf8')) as ApiTypes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return { operations: {}, inputs: {}, schemas: {} };
    throw error;
  }
}

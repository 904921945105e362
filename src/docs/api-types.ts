import { readFile } from 'node:fs/promises';

/** A JSON Schema, loosely typed. */
export type Schema = Readonly<Record<string, unknown>>;

/** Types and docstrings that the build has read from the TypeScript code; see `scripts/api-types.mjs`. */
export interface ApiTypes {
  /** Descriptions of the tags, by their names. */
  readonly tags: Readonly<Record<string, string>>;
  /** Operations by `Controller_method`, which is also the operation's id. */
  readonly operations: Readonly<Record<string, OperationTypes>>;
  /** Classes that requests are validated with, by name. */
  readonly inputs: Readonly<Record<string, { readonly properties?: Readonly<Record<string, Schema>> }>>;
  /** Messages of sockets, by their names. */
  readonly sockets: {
    readonly received: Readonly<Record<string, SocketMessage>>;
    readonly sent: Readonly<Record<string, SocketMessage>>;
  };
  /** The named schemas that the others refer to. */
  readonly schemas: Readonly<Record<string, Schema>>;
}

/** A message of a socket, with its acknowledgement if it has one. */
export interface SocketMessage {
  readonly description?: string;
  readonly payload: Schema;
  readonly answer?: Schema;
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

// The same path from src/ (tests) and from dist/.
const FILE = new URL('../../dist/api-types.json', import.meta.url);

/** Reads `api-types.json` of the build. Empty if missing: `nest start` alone does not write it. */
export async function readApiTypes(): Promise<ApiTypes> {
  try {
    return JSON.parse(await readFile(FILE, 'utf8')) as ApiTypes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return { tags: {}, operations: {}, inputs: {}, sockets: { received: {}, sent: {} }, schemas: {} };
    throw error;
  }
}

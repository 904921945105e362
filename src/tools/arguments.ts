import { z } from 'zod';
import type { JsonSchema } from './tool.js';

/** The arguments of a tool. */
export interface Arguments {
  /** For the model. */
  readonly schema: JsonSchema;
  /** Checks what the model sends. */
  readonly type: z.core.$ZodType;
}

type ZodInput = Parameters<typeof z.fromJSONSchema>[0];

/**
 * Reads the `parameters` of a tool.
 * @throws Error saying what they must be
 */
export function readArguments(parameters: unknown): Arguments {
  if (typeof parameters !== 'object' || parameters === null) {
    throw new Error('must be a zod object or a JSON Schema.');
  }
  if (parameters instanceof z.core.$ZodType) return ofZod(parameters);
  requireJsonSchema(parameters);
  const schema = { type: 'object', ...parameters };
  return { schema, type: z.fromJSONSchema(schema as ZodInput) };
}

function ofZod(type: z.core.$ZodType): Arguments {
  const schema = z.toJSONSchema(type, { io: 'input' });
  if (schema.type !== undefined && schema.type !== 'object') {
    throw new Error(`must be a zod object, and describes a value of type ${JSON.stringify(schema.type)}.`);
  }
  return { schema, type };
}

/** A schema of another library is an object too, whose insides would be taken for a JSON Schema. */
function requireJsonSchema(parameters: object): void {
  const library = libraryOf(parameters);
  if (library === undefined) return;
  throw new Error(
    `is a schema of ${library}: make it with zod 4 (npm install zod@4), or give a JSON Schema.`,
  );
}

/** Zod before 3.24 does not follow the convention of Standard Schema, by which libraries name themselves. */
function libraryOf(schema: { readonly '~standard'?: { readonly vendor?: string } }): string | undefined {
  const { '~standard': standard } = schema;
  if ('_def' in schema && (!standard || standard.vendor === 'zod')) return 'zod 3';
  return standard && (standard.vendor ?? 'another library');
}

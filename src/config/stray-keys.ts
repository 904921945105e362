import { z } from 'zod';
import { nearestKey } from './nearest-key.js';
import { PUBLISHED_KEYS } from './published-keys.js';

/** What stands in a configuration and is no setting. */
export interface StrayKeys {
  /** One line for each key that is not known. */
  readonly problems: readonly string[];
  /** The keys that only mean something to the published Agent TARS, without the places in lists. */
  readonly ignored: readonly string[];
}

/** The keys of `input` that the schema does not have, at every depth; what may hold anything is not looked into. */
export function strayKeys(schema: z.ZodObject, input: unknown): StrayKeys {
  const found = strayIn(schema, input, []);
  const ignored = found.map(({ path }) => withoutPlaces(path)).filter((key) => PUBLISHED_KEYS.has(key));
  const unknown = found.filter(({ path }) => !PUBLISHED_KEYS.has(withoutPlaces(path)));
  const known = settingsOf(schema, []);
  return {
    problems: unknown.map(({ path, siblings }) => describe(path, siblings, known)),
    ignored: [...new Set(ignored)],
  };
}

interface Stray {
  readonly path: readonly string[];
  /** The names that are known in its place. */
  readonly siblings: readonly string[];
}

function strayIn(schema: unknown, value: unknown, path: readonly string[]): Stray[] {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    return value.flatMap((each, i) => strayIn(inner.element, each, [...path, String(i)]));
  }
  const shape = shapeOf(inner);
  if (!shape || typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, each]) => {
    if (Object.hasOwn(shape, key)) return strayIn(shape[key], each, [...path, key]);
    return each === undefined ? [] : [{ path: [...path, key], siblings: Object.keys(shape) }];
  });
}

/** A schema without what says that its value may be missing. */
function unwrapped(schema: unknown): unknown {
  const isWrapper =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return isWrapper ? unwrapped(schema.unwrap()) : schema;
}

/**
 * The properties that an object may have. Of several kinds of object it may have those of each: files that are merged
 * may speak of different kinds, and the last says which one it is.
 */
function shapeOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  if (schema instanceof z.ZodObject) return schema.shape;
  if (!(schema instanceof z.ZodUnion)) return undefined;
  const entries = schema.options.flatMap((option) => Object.entries(shapeOf(option) ?? {}));
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

/** The keys of all settings and sections but those of lists. */
function settingsOf(schema: z.ZodObject, path: readonly string[]): string[][] {
  return Object.entries(schema.shape).flatMap(([name, each]) => {
    const inner = unwrapped(each);
    const key = [...path, name];
    return [key, ...(inner instanceof z.ZodObject ? settingsOf(inner, key) : [])];
  });
}

function withoutPlaces(path: readonly string[]): string {
  return path.filter((name) => !/^\d+$/.test(name)).join('.');
}

function describe(
  path: readonly string[],
  siblings: readonly string[],
  known: readonly (readonly string[])[],
): string {
  const key = path.join('.');
  const beside = siblings.map((name) => [...path.slice(0, -1), name]);
  const nearest = nearestKey(path, [...beside, ...known]);
  if (nearest) return `${key} is not known; did you mean ${nearest.join('.')}?`;
  return `${key} is not known; what is known there: ${siblings.join(', ')}.`;
}

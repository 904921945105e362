import { z } from 'zod';
import { nearestKey } from './nearest-key.js';
import { PUBLISHED_KEYS } from './published-keys.js';

/** Keys of a configuration that are no settings. */
export interface StrayKeys {
  /** One line for each unknown key. */
  readonly problems: readonly string[];
  /** The keys that only the published Agent TARS uses, without list indices. */
  readonly ignored: readonly string[];
}

/** The keys of `input` that the schema does not have, at every depth; open objects are not searched. */
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
  /** The known names beside the stray key. */
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

/** A schema without its wrappers for optional values and defaults. */
function unwrapped(schema: unknown): unknown {
  const isWrapper =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return isWrapper ? unwrapped(schema.unwrap()) : schema;
}

/**
 * The properties of an object schema; of a union, those of all its options: merged files may use different options,
 * and the last file decides.
 */
function shapeOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  if (schema instanceof z.ZodObject) return schema.shape;
  if (!(schema instanceof z.ZodUnion)) return undefined;
  const entries = schema.options.flatMap((option) => Object.entries(shapeOf(option) ?? {}));
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

/** The keys of all settings and sections, except within lists. */
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

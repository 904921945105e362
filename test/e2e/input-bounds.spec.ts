import { beforeAll, describe, expect, it } from '@jest/globals';
import 'reflect-metadata';
import { getMetadataStorage } from 'class-validator';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));

/** Validators that bound what another one lets in; the content of a query is bounded by `server.maxBodyBytes`. */
const BOUNDS: Readonly<Record<string, string>> = {
  isString: 'maxLength',
  isInt: 'max',
  isArray: 'arrayMaxSize',
};

type Class = abstract new (...args: never) => object;

/** The classes of every `dto` folder. */
async function inputs(): Promise<[string, Class][]> {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' });
  const exported: [string, unknown][] = [];
  for (const file of files.filter((name) => /[/\\]dto[/\\].*\.dto\.ts$/.test(name))) {
    exported.push(...Object.entries((await import(join(SOURCE, file))) as Record<string, unknown>));
  }
  return exported.filter((entry): entry is [string, Class] => typeof entry[1] === 'function');
}

describe('what a client may send', () => {
  let classes: [string, Class][];
  beforeAll(async () => {
    classes = (await inputs()).filter(([name]) => name.endsWith('Dto'));
  });

  it('has a bound in every field: texts, numbers and lists', () => {
    expect(classes.length).toBeGreaterThan(10);
    const storage = getMetadataStorage();
    const unbounded = classes.flatMap(([name, input]) => {
      const rules = storage.getTargetValidationMetadatas(input, '', false, false);
      return rules
        .filter((rule) => {
          const bound = BOUNDS[rule.name ?? ''];
          const isOfSame = (other: (typeof rules)[number]) =>
            other.propertyName === rule.propertyName && Boolean(other.each) === Boolean(rule.each);
          return bound !== undefined && !rules.some((other) => other.name === bound && isOfSame(other));
        })
        .map(({ propertyName }) => `${name}.${propertyName}`);
    });
    expect(unbounded).toEqual([]);
  });
});

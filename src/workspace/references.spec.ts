import { describe, expect, it } from '@jest/globals';
import { referencesIn } from './references.js';

describe('the references of a text', () => {
  it('are looked for in its first 10,000 mentions', () => {
    const text = Array.from({ length: 1_000_000 }, (_, i) => `@file:f-${i}`).join(' ');
    const references = referencesIn([text, '@file:last']);
    expect(references).toHaveLength(10_000);
    expect(references.at(-1)).toEqual({ kind: 'file', paths: ['f-9999'] });
  });

  it('have paths of at most 4,096 characters, as file systems do', () => {
    const [reference] = referencesIn([`@file:${'a'.repeat(30_000_000)}`]);
    expect(reference).toEqual({ kind: 'file', paths: ['a'.repeat(4_096)] });
    expect(referencesIn([`@file:"${'a'.repeat(4_097)}"`])).toEqual([]);
  });

  it('may end in any punctuation', () => {
    for (const mark of '.,;:!?\'"`)]}>*…’”»。，、；：！？）】」』》') {
      expect(referencesIn([`@file:a${mark}`])).toEqual([{ kind: 'file', paths: [`a${mark}`, 'a'] }]);
    }
  });
});

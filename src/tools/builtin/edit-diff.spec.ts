import { describe, expect, it } from '@jest/globals';
import { applyPatch, createTwoFilesPatch } from 'diff';
import { editDiff } from './edit-diff.js';
import { type Edit, edited, findPlaces } from './places.js';

async function editOf(text: string, old: string, changed: string): Promise<Edit> {
  const [before, part, replacement] = [Buffer.from(text), Buffer.from(old), Buffer.from(changed)];
  return { before, part, replacement, places: await findPlaces(before, part, 100_000) };
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}\n`).join('');

describe('the diff of an edit', () => {
  it.each([
    ['in the middle', numbered(1, 99), 'line 50\n', 'changed\n'],
    ['of the first line', numbered(1, 99), 'line 1\n', 'changed\n'],
    ['of the last line', numbered(1, 99), 'line 99\n', 'changed\n'],
    ['of a part of a line', numbered(1, 99), 'ne 50', 'changed'],
    ['that adds lines', numbered(1, 99), 'line 50\n', 'a\nb\nc\nline 50\n'],
    ['that takes lines away', numbered(1, 99), numbered(40, 50), ''],
    ['that joins lines', numbered(1, 99), '50\nline', '50, line'],
    ['some lines of which stay', numbered(1, 99), numbered(40, 50), `line 40\nchanged\n${numbered(42, 50)}`],
    ['far apart', numbered(1, 200), '00\n', '00 changed\n'],
    ['near each other', numbered(1, 30), '5\n', '5 changed\n'],
    ['where the file ends without a line', 'one\ntwo', 'two', 'three\n'],
    ['of all there is', 'one', 'one', ''],
    ['that changes nothing', numbered(1, 9), 'line 5', 'line 5'],
    ['with other ends of lines', 'one\r\ntwo\r\nthree\r\n', 'two', '2\u2028'],
  ])('is that of the whole file: one %s', async (_, text, old, changed) => {
    const edit = await editOf(text, old, changed);
    const after = edited(edit).toString();
    expect(await editDiff('f', edit)).toBe(
      createTwoFilesPatch('a/f', 'b/f', text, after, undefined, undefined, { context: 3 }),
    );
  });

  it('shows what differs too much as replaced, with the same lines around it, and can be applied', async () => {
    const [old, changed] = [numbered(1_000, 1_600), numbered(2_000, 2_600)];
    const edit = await editOf(numbered(1, 9) + old + numbered(11, 19), old, changed);
    const diff = await editDiff('f', edit);
    expect(diff).toContain('@@ -7,607 +7,607 @@\n line 7\n line 8\n line 9\n-line 1000\n');
    expect(applyPatch(edit.before.toString(), diff)).toBe(edited(edit).toString());
  });

  it('shows the first of very many places, and says how many are left out', async () => {
    const edit = await editOf('a\n'.repeat(20_000), 'a', 'b');
    const diff = await editDiff('f', edit);
    expect(diff.length).toBeLessThan(120_000);
    expect(diff).toContain('@@ -1,');
    expect(diff).toMatch(
      /\+b\n\[… \d+ of 20000 replacements, from line \d+ on, are too much to be shown here\. Read the file to see them\.\]$/,
    );
  });

  it.each([
    ['a line of a million characters', 'a'.repeat(1_000_000), 'a'.repeat(1_000_000), 'b', 1],
    ['very many places in one line', 'a'.repeat(100_000), 'a', 'b', 100_000],
    ['a line that is replaced by very many', 'a\n', 'a', 'b\n'.repeat(100_000), 1],
  ])('says that it leaves out what is too long: %s', async (_, text, old, changed, count) => {
    const diff = await editDiff('f', await editOf(text, old, changed));
    expect(diff).toMatch(
      new RegExp(`^=+\\n--- a/f\\n\\+\\+\\+ b/f\\n\\[… ${count} of ${count} replacements, from line 1 on, `),
    );
  });
});

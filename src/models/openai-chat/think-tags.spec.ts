import { describe, expect, it } from '@jest/globals';
import { ThinkTags } from './think-tags.js';

/** The joined thinking and text of an answer, and the deltas of both in order. */
function read(...deltas: string[]) {
  const seen: [kind: 'text' | 'thought', delta: string][] = [];
  const tags = new ThinkTags(
    (delta) => seen.push(['text', delta]),
    (delta) => seen.push(['thought', delta]),
  );
  for (const delta of deltas) tags.push(delta);
  tags.end();
  const joined = (kind: string) => seen.flatMap(([each, delta]) => (each === kind ? delta : [])).join('');
  return { thought: joined('thought'), text: joined('text'), seen };
}

describe('thinking in the text of an answer', () => {
  it.each([
    ['<think>Hm.</think>Yes.', 'Hm.', 'Yes.'],
    ['\n<think>\nHm.\n</think>\n\nYes.', 'Hm.\n', 'Yes.'],
    ['<thinking>Hm.</thinking>Yes.', 'Hm.', 'Yes.'],
    ['<thought>\nHm.</thought>Yes.', 'Hm.', 'Yes.'],
    ['<seed:think>Hm.</seed:think>Yes.', 'Hm.', 'Yes.'],
    ['◁think▷Hm.◁/think▷Yes.', 'Hm.', 'Yes.'],
    ['<think>\n\n</think>\n\nYes.', '', 'Yes.'],
    ['<think>a < b </thin </think>Yes.', 'a < b </thin ', 'Yes.'],
    ['<think>Hm.</think>', 'Hm.', ''],
    ['<think>Hm. </thi', 'Hm. </thi', ''],
    ['Use <think>Hm.</think> here.', '', 'Use <think>Hm.</think> here.'],
    ['<think>Hm.</think>Not <think>this</think>.', 'Hm.', 'Not <think>this</think>.'],
    ['<thin', '', '<thin'],
    ['<p>Hi</p>', '', '<p>Hi</p>'],
    [' \n ', '', ' \n '],
    ['  Hi', '', '  Hi'],
    ['', '', ''],
  ])('is that between tags at the very start, wherever it is cut: %j', (whole, thought, text) => {
    expect(read(whole)).toMatchObject({ thought, text });
    expect(read(...whole)).toMatchObject({ thought, text });
    for (let at = 0; at <= whole.length; at++) {
      expect(read(whole.slice(0, at), whole.slice(at))).toMatchObject({ thought, text });
    }
  });

  it('streams: at most what may be a tag is held back', () => {
    const { seen } = read('<think>', 'One', ' two</', 'b>', '</think>', 'Three', ' <');
    expect(seen).toEqual([
      ['thought', 'One'],
      ['thought', ' two'],
      ['thought', '</b>'],
      ['text', 'Three'],
      ['text', ' <'],
    ]);
  });

  it('holds no endless blanks back', () => {
    const { seen } = read(' '.repeat(101), 'x');
    expect(seen).toHaveLength(2);
  });
});

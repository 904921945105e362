import type { LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { describe, expect, it } from '@jest/globals';
import { ToolCallAssembler } from './tool-call-assembler.js';

type Call = Readonly<Record<string, unknown>>;

/** One call of a delta; `args` are its arguments as they are sent. */
const call = (index: number | undefined, id: string | undefined, name?: string, args?: unknown): Call => ({
  ...(index !== undefined && { index }),
  ...(id !== undefined && { id, type: 'function' }),
  function: { ...(name !== undefined && { name }), ...(args !== undefined && { arguments: args }) },
});

/** The calls that the deltas of these chunks make: name and arguments, as they came whole and as they streamed. */
function read(...chunks: unknown[]) {
  const parts: LanguageModelV3StreamPart[] = [];
  const calls = new ToolCallAssembler((part) => parts.push(part));
  for (const chunk of chunks) calls.push(chunk);
  calls.end();
  const whole = parts.flatMap((part) => (part.type === 'tool-call' ? [part] : []));
  const streamed = whole.map(({ toolCallId }) =>
    parts
      .map((part) => (part.type === 'tool-input-delta' && part.id === toolCallId ? part.delta : ''))
      .join(''),
  );
  expect(streamed).toEqual(whole.map(({ input }, i) => (streamed[i] === '' ? '' : input)));
  expect(new Set(whole.map(({ toolCallId }) => toolCallId)).size).toBe(whole.length);
  return whole.map(({ toolName, input }) => `${toolName} ${input}`);
}

const SF = '{"city":"SF"}';
const NY = '{"city":"NY"}';
const BOTH = [`weather ${SF}`, `weather ${NY}`];

describe('the calls of an answer', () => {
  it.each<[string, unknown[]]>([
    ['no ids', [[call(0, undefined, 'weather', SF)], [call(0, undefined, 'weather', NY)]]],
    ['empty ids', [[call(0, '', 'weather', SF)], [call(0, '', 'weather', NY)]]],
    ['the same id', [[call(0, 'c', 'weather', SF)], [call(0, 'c', 'weather', NY)]]],
    ['their own ids', [[call(0, 'a', 'weather', SF)], [call(0, 'b', 'weather', NY)]]],
    ['no ids, in one chunk', [[call(0, undefined, 'weather', SF), call(0, undefined, 'weather', NY)]]],
    ['the same id, in one chunk', [[call(0, 'c', 'weather', SF), call(0, 'c', 'weather', NY)]]],
    [
      'no ids, and no index',
      [[call(undefined, undefined, 'weather', SF)], [call(undefined, undefined, 'weather', NY)]],
    ],
    [
      'empty ids, and arguments in pieces',
      [
        [call(0, '', 'weather', '')],
        [call(0, '', undefined, '{"city"')],
        [call(0, '', undefined, ':"SF"}')],
        [call(0, '', 'weather', '')],
        [call(0, '', undefined, NY)],
      ],
    ],
    [
      'the same id and the name in every delta',
      [
        [call(0, 'c', 'weather', '{"city"')],
        [call(0, 'c', 'weather', ':"SF"}')],
        [call(0, 'c', 'weather', '{"city"')],
        [call(0, 'c', 'weather', ':"NY"}')],
      ],
    ],
    ['the name in the first one only', [[call(0, 'a', 'weather', SF)], [call(0, 'b', undefined, NY)]]],
  ])('are told apart, all at index 0, with %s', (_what, chunks) => {
    expect(read(...chunks)).toEqual(BOTH);
  });

  it.each<[string, unknown[], string[]]>([
    ['one object instead of a list', [call(0, 'a', 'weather', SF)], [`weather ${SF}`]],
    ['a null among them', [[null, call(0, 'a', 'weather', SF), 5]], [`weather ${SF}`]],
    ['arguments that are an object', [[call(0, 'a', 'weather', { city: 'SF' })]], [`weather ${SF}`]],
    ['arguments that are null', [[call(0, 'a', 'list', null)]], ['list {}']],
    ['arguments that are missing', [[call(0, 'a', 'list')]], ['list {}']],
    ['no level "function"', [[{ id: 'a', name: 'weather', parameters: { city: 'SF' } }]], [`weather ${SF}`]],
    [
      'a name in pieces',
      [[call(0, 'a', 'wea', '')], [call(0, undefined, 'ther')], [call(0, undefined, undefined, SF)]],
      [`weather ${SF}`],
    ],
    [
      'a name in pieces with the id',
      [[call(0, 'a', 'wea', '')], [call(0, 'a', 'ther', SF)]],
      [`weather ${SF}`],
    ],
    ['a name that grows', [[call(0, 'a', 'wea', '')], [call(0, 'a', 'weather', SF)]], [`weather ${SF}`]],
    [
      'its beginning twice',
      [[call(0, 'a', 'weather', '')], [call(0, 'a', 'weather', SF)]],
      [`weather ${SF}`],
    ],
    [
      'its beginning again at its end',
      [[call(0, 'a', 'weather', SF)], [call(0, 'a', 'weather', '')]],
      [`weather ${SF}`],
    ],
    [
      'its whole arguments again at its end',
      [[call(0, 'a', 'weather', SF)], [call(0, undefined, undefined, SF)]],
      [`weather ${SF}`],
    ],
    [
      'an id that comes after its beginning',
      [[call(0, undefined, 'weather', '')], [call(0, 'a', 'weather', SF)]],
      [`weather ${SF}`],
    ],
    [
      'calls without arguments',
      [[call(0, '', 'list', '')], [call(0, '', 'read', '')]],
      ['list {}', 'read {}'],
    ],
    [
      'braces and quotes in its arguments',
      [
        [call(0, '', 'write', '{"a":"}\\"{"')],
        [call(0, '', 'write', ',"b":"]"}')],
        [call(0, '', 'list', '{}')],
      ],
      ['write {"a":"}\\"{","b":"]"}', 'list {}'],
    ],
    [
      'blanks after its arguments',
      [[call(0, 'a', 'weather', SF)], [call(0, 'a', undefined, ' \n')]],
      [`weather ${SF} \n`],
    ],
    ['entries that hold nothing', [[{}, { index: 0 }, { function: {} }]], []],
  ])('are read with %s', (_what, chunks, expected) => {
    expect(read(...chunks)).toEqual(expected);
  });

  it('begin with their arguments, so that a name in pieces is shown whole', () => {
    const parts: LanguageModelV3StreamPart[] = [];
    const calls = new ToolCallAssembler((part) => parts.push(part));
    calls.push([call(0, 'a', 'wea')]);
    calls.push([call(0, 'a', 'ther')]);
    expect(parts).toEqual([]);
    calls.push([call(0, 'a', undefined, '{"ci')]);
    expect(parts).toEqual([
      { type: 'tool-input-start', id: 'a', toolName: 'weather' },
      { type: 'tool-input-delta', id: 'a', delta: '{"ci' },
    ]);
  });

  it('are refused when their names have no end', () => {
    const piece = [call(0, 'a', 'x'.repeat(100_000))];
    expect(() =>
      read(
        ...Array<unknown>(12)
          .fill(piece)
          .map((_, i) => [call(0, 'a', `${i}${'x'.repeat(100_000)}`)]),
      ),
    ).toThrow(/have no name/);
    expect(read(piece)).toHaveLength(1);
  });
});

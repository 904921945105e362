import { describe, expect, it } from '@jest/globals';
import type { ModelConfig } from '../config/index.js';
import { dialectOf } from './dialect.js';

const dialect = (provider: string, id = 'm', baseURL?: string) =>
  dialectOf({ provider, id, ...(baseURL && { baseURL }) } as ModelConfig);

const CHAT = dialect('openai-compatible', 'm', 'http://models.example/v1');
const ANTHROPIC = dialect('anthropic');
const GOOGLE = dialect('google');
const MISTRAL = dialect('openai-compatible', 'm', 'https://api.mistral.ai/v1');

describe("the name of a call's tool", () => {
  it.each([
    ['weather', 'weather', 'weather'],
    ['weather<|channel|>commentary', 'weather_channel_commentary', 'weather_channel_commentary'],
    ['mcp.files/read', 'mcp_files_read', 'mcp_files_read'],
    ['mcp.read', 'mcp_read', 'mcp.read'],
    ['2nd', '2nd', '_2nd'],
    ['', 'unknown_tool', 'unknown_tool'],
    ['天气', 'unknown_tool', 'unknown_tool'],
    ['x'.repeat(100), 'x'.repeat(64), 'x'.repeat(64)],
  ])('%j is one that providers take', (name, fitted, google) => {
    for (const each of [CHAT, ANTHROPIC, MISTRAL]) expect(each.toolName(name)).toBe(fitted);
    expect(GOOGLE.toolName(name)).toBe(google);
  });
});

describe('the id of a call', () => {
  const ids = [
    'functions.weather:0',
    'functions_weather:0',
    'call 1',
    'x'.repeat(100),
    `${'x'.repeat(99)}y`,
    'é',
  ];

  it('goes back to the model that wrote it as it is', () => {
    for (const id of ids) for (const each of [CHAT, GOOGLE]) expect(each.callId(id, true)).toBe(id);
  });

  it.each([
    ['any other model', CHAT, /^[a-zA-Z0-9_-]{1,40}$/],
    ['Anthropic', ANTHROPIC, /^[a-zA-Z0-9_-]{1,40}$/],
    ['Mistral', MISTRAL, /^[a-zA-Z0-9]{9}$/],
    ["a Mistral of another's", dialect('ollama', 'mistral-small'), /^[a-zA-Z0-9]{9}$/],
  ])('is one that %s takes, always the same, and no other', (_who, { callId }, pattern) => {
    const fitted = [...ids, '0miabcdef0123456789_-abcdef'].map((id) => callId(id, false));
    for (const id of fitted) expect(id).toMatch(pattern);
    expect(new Set(fitted).size).toBe(fitted.length);
    expect(ids.map((id) => callId(id, false))).toEqual(fitted.slice(0, -1));
  });

  it.each([
    [CHAT, 'call_1'],
    [ANTHROPIC, 'toolu_01-A'],
    [MISTRAL, 'a1B2c3D4e'],
  ])('stays where it is taken', ({ callId }, id) => {
    expect(callId(id, false)).toBe(id);
  });
});

describe('the identity of a model', () => {
  it('is its provider, its id and its host', () => {
    const models = [
      dialect('openai'),
      dialect('openai', 'n'),
      dialect('ollama'),
      dialect('openai', 'm', 'http://a.example/v1'),
      dialect('openai', 'm', 'http://b.example/v1'),
    ];
    expect(new Set(models.map(({ model }) => model)).size).toBe(models.length);
    expect(dialect('openai', 'm', 'http://a.example/v2').model).toBe(models[3]?.model);
  });
});

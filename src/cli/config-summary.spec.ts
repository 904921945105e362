import { describe, expect, it } from '@jest/globals';
import { summarize } from './config-summary.js';

const linesOf = (config: unknown): string[] => summarize('/repo/agent-tars.config.yaml', config).slice(1);
const lineOf = (config: unknown): string => linesOf(config)[0] ?? '';

describe('what a configuration would do', () => {
  it.each(['ts', 'mts', 'js', 'mjs', 'cjs', 'txt'])('is not known of a program: .%s', (extension) => {
    expect(summarize(`/repo/agent-tars.config.${extension}`, undefined)).toEqual([
      'It is a program: it runs at every start, with all that you may do, and so does what it imports.',
    ]);
  });

  it('is nothing where nothing is set', () => {
    for (const config of [{}, { server: {} }])
      expect(summarize('/repo/c.json', config)).toEqual(['It sets nothing.']);
  });

  it('begins with what gives power, and leaves nothing out', () => {
    const server = { port: 1, allowedOrigins: ['https://a.example', 'https://b.example'], open: true };
    const models = [{ provider: 'ollama', id: 'x', baseURL: 'http://c.example/v1' }];
    const config = {
      logLevel: 'warn',
      server: { ...server, models },
      share: { provider: 'https://d.example/up' },
      webui: { staticPath: 'ui' },
      model: { baseURL: 'http://e.example' },
      workspace: '/',
    };
    const keys = linesOf(config).map((line) => line.trim().split(' ')[0]);
    expect(keys).toEqual([
      ...['workspace', 'model.baseURL', 'server.allowedOrigins', 'share.provider', 'webui.staticPath'],
      ...['server.models.0.provider', 'server.models.0.baseURL'],
      ...['logLevel', 'server.port', 'server.open', 'server.models.0.id'],
    ]);
    expect(lineOf(config)).toBe(
      '  workspace                 "/"  (the agent reads and writes the files in it)',
    );
  });

  it('names the host that a URL leads to, whatever it looks like', () => {
    const host = (baseURL: string) => /\((.*?): all/.exec(lineOf({ model: { baseURL } }))?.[1];
    expect(host('https://api.openai.com@evil.example/v1')).toBe('evil.example');
    expect(host('https://аpi.openai.com/v1')).toBe('xn--pi-6kc.openai.com');
    expect(host('no URL')).toBeUndefined();
  });

  it('holds the names of variables, and no key', () => {
    expect(lineOf({ model: { apiKey: 'OPENAI_API_KEY' } })).toContain(' $OPENAI_API_KEY ');
    for (const key of ['sk-sentinel', 'SENTINEL12345678', ['sentinel'], { a: 'sentinel' }]) {
      expect(linesOf({ model: { apiKey: key }, server: { auth: { token: key } } }).join()).not.toMatch(
        /sentinel/i,
      );
    }
  });

  it('shows what would steer a terminal, or not be seen', () => {
    const text = '\u001b[2J\u009b1A\u202e\u200b\n';
    const lines = linesOf({ instructions: text, [text]: { workspace: text }, list: [text] });
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]*$/);
  });

  it('is short, however much the file holds', () => {
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`x${i}`, 'y'.repeat(5_000)]));
    const lines = linesOf({ ['k'.repeat(5_000)]: 1, ...many, workspace: '/' });
    expect(lines).toHaveLength(41);
    expect(lines[0]).toMatch(/^ {2}workspace/);
    expect(lines[40]).toBe('  and 4962 more: look into the file.');
    for (const line of lines) expect(line.length).toBeLessThan(600);
  });

  it('can be told of what contains itself, or is deep', () => {
    const knot: Record<string, unknown> = { name: 'knot' };
    for (let i = 0; i < 100; i++) knot[`again${i}`] = i % 2 ? knot : [knot];
    let deep: unknown = 'bottom';
    for (let i = 0; i < 50_000; i++) deep = [deep, {}];
    expect(linesOf({ knot, deep })).toContainEqual(expect.stringContaining('knot.again1 '));
  });
});

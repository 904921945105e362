import { describe, expect, it } from '@jest/globals';
import { configFromEnv, type ConfigInput, mergeConfig } from './index.js';

describe('merging configurations', () => {
  it('lets the later one win, key by key', () => {
    const base: ConfigInput = { server: { port: 1, host: 'a' }, workspace: 'x' };
    const over: ConfigInput = { server: { port: 2 }, dataDir: 'y' };
    expect(mergeConfig(base, over)).toEqual({ server: { port: 2, host: 'a' }, workspace: 'x', dataDir: 'y' });
    expect(base).toEqual({ server: { port: 1, host: 'a' }, workspace: 'x' });
  });

  it('lets undefined win over nothing', () => {
    const base: ConfigInput = { server: { open: true }, workspace: 'x' };
    const over = { server: { open: undefined }, workspace: undefined } as unknown as ConfigInput;
    expect(mergeConfig(base, over)).toEqual(base);
  });

  it('lets false, 0 and the empty text win', () => {
    const base: ConfigInput = { server: { open: true, port: 1 }, workspace: 'x' };
    const over: ConfigInput = { server: { open: false, port: 0 }, workspace: '' };
    expect(mergeConfig(base, over)).toEqual(over);
  });

  it('replaces lists as a whole', () => {
    const base: ConfigInput = { server: { models: [{ id: 'a' }, { id: 'b' }] } };
    const over: ConfigInput = { server: { models: [{ id: 'c' }] } };
    expect(mergeConfig(base, over)).toEqual(over);
  });

  it('does not hide a value of the wrong kind behind an object that says nothing', () => {
    const wrong = { model: 'gpt', webui: [] } as unknown as ConfigInput;
    const nothing = { model: { id: undefined }, webui: { enabled: undefined } } as unknown as ConfigInput;
    expect(mergeConfig(wrong, nothing)).toEqual(wrong);
  });

  it('keeps what is no plain object as it is', () => {
    const tool = new (class Tool {
      readonly name = 'mine';
    })();
    expect(mergeConfig({ tools: [] }, { tools: [tool] }).tools?.[0]).toBe(tool);
  });

  it('keeps a token that is configured when tokens are only asked for', () => {
    const base: ConfigInput = { server: { auth: { token: 'a' } } };
    expect(mergeConfig(base, { server: { auth: true } })).toEqual(base);
    expect(mergeConfig({ server: { auth: true } }, base)).toEqual(base);
  });

  it('loses no wish for tokens, whatever it holds', () => {
    for (const auth of [{}, { token: undefined }, true] as const) {
      expect(mergeConfig({ server: { port: 1 } }, { server: { auth } }).server).toEqual({ port: 1, auth });
      expect(mergeConfig({}, { server: { auth } }).server).toEqual({ auth });
      expect(mergeConfig({ server: { auth } }, { server: { auth: undefined } }).server).toEqual({ auth });
    }
  });

  it('takes no prototype from a file', () => {
    const evil = JSON.parse(
      '{"__proto__":{"polluted":1},"server":{"__proto__":{"polluted":1}}}',
    ) as ConfigInput;
    const merged = mergeConfig({ server: { port: 1 } }, evil);
    expect(merged).toEqual({ server: { port: 1 } });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect((merged.server as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('the environment', () => {
  it('sets what its variables name', () => {
    const env = {
      AGENT_TARS_PORT: '9000',
      AGENT_TARS_HOST: '::1',
      AGENT_TARS_DATA_DIR: '/d',
      AGENT_TARS_WORKSPACE: '/w',
      AGENT_TARS_MODEL_PROVIDER: 'openai',
      AGENT_TARS_MODEL_ID: 'm',
      AGENT_TARS_MODEL_API_KEY: 'k',
      AGENT_TARS_MODEL_BASE_URL: 'http://x',
      AGENT_TARS_SHARE_PROVIDER: 'http://s',
      AGENT_TARS_LOG_LEVEL: 'debug',
      AGENT_TARS_TOKEN: 't',
    };
    expect(configFromEnv(env)).toEqual({
      server: { port: 9000, host: '::1', auth: { token: 't' } },
      dataDir: '/d',
      workspace: '/w',
      model: { provider: 'openai', id: 'm', apiKey: 'k', baseURL: 'http://x' },
      share: { provider: 'http://s' },
      logLevel: 'debug',
    });
  });

  it('sets nothing with variables that are empty or not there', () => {
    expect(mergeConfig({}, configFromEnv({ AGENT_TARS_PORT: '', AGENT_TARS_HOST: '' }))).toEqual({});
  });

  it.each([
    ['8080', 8080],
    ['0', 0],
    ['-1', -1],
    ['1.5', 1.5],
    ['auto', 'auto'],
    ['80a', '80a'],
    ['0x10', '0x10'],
    ['1e3', '1e3'],
  ])('gives the port %j as %j, for the schema to judge', (text, port) => {
    expect(configFromEnv({ AGENT_TARS_PORT: text }).server?.port).toBe(port);
  });
});

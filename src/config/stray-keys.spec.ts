import { describe, expect, it } from '@jest/globals';
import { type ConfigInput, InvalidConfig, resolveConfig } from './index.js';

const resolve = (input: unknown) => resolveConfig(input as ConfigInput, { cwd: '/srv', env: {} });

describe('a key that is not known', () => {
  it.each<[unknown, string]>([
    [{ server: { prot: 80 } }, 'server.prot is not known; did you mean server.port?'],
    [{ server: { auht: true } }, 'server.auht is not known; did you mean server.auth?'],
    [{ loglevel: 'debug' }, 'loglevel is not known; did you mean logLevel?'],
    [{ port: 80 }, 'port is not known; did you mean server.port?'],
    [{ auth: true }, 'auth is not known; did you mean server.auth?'],
    [{ server: { model: {} } }, 'server.model is not known; did you mean model?'],
    [{ server: { workspace: '.' } }, 'server.workspace is not known; did you mean workspace?'],
    [{ model: { base_url: 'http://x' } }, 'model.base_url is not known; did you mean model.baseURL?'],
    [
      { server: { limits: { socket: 1 } } },
      'server.limits.socket is not known; did you mean server.limits.sockets?',
    ],
    [
      { server: { storage: { type: 'sqlite', pth: 'x' } } },
      'server.storage.pth is not known; did you mean server.storage.path?',
    ],
    [{ server: { auth: { tokn: 'x' } } }, 'server.auth.tokn is not known; did you mean server.auth.token?'],
    [
      { server: { models: [{ provider: 'embedded' }, { provider: 'openai', apikey: 'sk' }] } },
      'server.models.1.apikey is not known; did you mean server.models.1.apiKey?',
    ],
    [
      { server: { runtimeSettings: { schema: { type: 'object' }, shema: {} } } },
      'server.runtimeSettings.shema is not known; did you mean server.runtimeSettings.schema?',
    ],
    [{ share: { xyz: 1 } }, 'share.xyz is not known; what is known there: provider.'],
    [
      JSON.parse('{"agent":{"__proto__":{}}}'),
      'agent.__proto__ is not known; what is known there: name, maxIterations, toolTimeoutMs.',
    ],
  ])('is told in one line: %j', (input, line) => {
    expect(() => resolve(input)).toThrow(new InvalidConfig([line]));
  });

  it('is told together with others, and with bad values', () => {
    expect(() => resolve({ server: { prot: 1, host: 7 }, tols: [] })).toThrow(
      new InvalidConfig([
        'server.host is 7, but must be a text.',
        'server.prot is not known; did you mean server.port?',
        'tols is not known; did you mean tools?',
      ]),
    );
  });

  it('may stand where anything may stand, and where it says nothing', () => {
    const schema = { type: 'object', properties: { any: { type: 'string', 'x-mine': 1 } } };
    const input = { server: { runtimeSettings: { schema }, prot: undefined }, tools: [{ anything: 1 }] };
    expect(resolve(input)).toMatchObject({ server: { runtimeSettings: { schema } }, ignored: [] });
  });

  it('may belong to another kind of storage, which another file has named', () => {
    const { server } = resolve({ server: { storage: { type: 'memory', path: 'x' } } });
    expect(server.storage).toEqual({ type: 'memory' });
  });
});

describe('a key of the published Agent TARS', () => {
  it('is ignored where it means nothing here, and named', () => {
    const config = resolve({
      model: { provider: 'openai', id: 'm', apiKey: 'k', params: { x: 1 } },
      browser: { control: 'hybrid' },
      search: { provider: 'tavily', apiKey: 'k' },
      mcpServers: { files: { command: 'npx' } },
      planner: true,
      thinking: { type: 'enabled' },
      snapshot: { enable: true, storageDirectory: 's' },
      server: { tenant: { mode: 'single' }, models: [{ id: 'a', provider: 'ollama', headers: {} }] },
      agent: { type: 'modulePath', value: 'x' },
      webui: { type: 'static', staticPath: 'ui', title: 'T' },
    });
    expect(config.ignored).toEqual([
      ...['model.params', 'browser', 'search', 'mcpServers', 'planner', 'thinking', 'snapshot'],
      ...['server.tenant', 'server.models.headers', 'agent.type', 'agent.value', 'webui.type', 'webui.title'],
    ]);
    expect(JSON.stringify(config)).not.toContain('tavily');
  });

  it('is none where it stands elsewhere', () => {
    expect(() => resolve({ server: { browser: {} } })).toThrow('server.browser is not known');
  });
});

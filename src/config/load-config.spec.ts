import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import {
  configFromEnv,
  type ConfigInput,
  discoverConfig,
  InvalidConfig,
  loadConfigFiles,
  mergeConfig,
} from './index.js';

describe('configuration files', () => {
  let cwd: string;
  const at = (path: string) => join(cwd, path);
  const put = async (files: Readonly<Record<string, string>>) => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(at(path), '..'), { recursive: true });
      await writeFile(at(path), text);
    }
  };

  beforeEach(async () => {
    cwd = await realpath(await mkdtemp(join(tmpdir(), 'agent-tars-load-')));
  });
  afterEach(() => rm(cwd, { recursive: true, force: true }));

  it('are told by their absolute paths, in the order in which they are read', async () => {
    await put({ 'one.json': '{ "workspace": "1", "dataDir": "d" }', 'two.yaml': 'workspace: "2"' });
    expect(await loadConfigFiles(cwd, ['one.json', at('two.yaml')])).toEqual({
      config: { workspace: '2', dataDir: 'd' },
      files: [at('one.json'), at('two.yaml')],
      shadows: [],
    });
    expect(await loadConfigFiles(cwd, [])).toEqual({ config: {}, files: [], shadows: [] });
  });

  it('may begin with a byte-order mark, and be named from the home directory', async () => {
    const mark = '\uFEFF';
    await put({
      'c.json': `${mark}{ "workspace": "json" }`,
      'c.yaml': `${mark}workspace: yaml`,
      'c.ts': `${mark}const workspace: string = 'ts'; export default { workspace };`,
      'c.cjs': `${mark}module.exports = { workspace: 'cjs' };`,
    });
    for (const kind of ['json', 'yaml', 'ts', 'cjs']) {
      const name = `~/${relative(homedir(), at(`c.${kind}`))}`;
      expect(await loadConfigFiles('/', [name])).toMatchObject({
        config: { workspace: kind },
        files: [at(`c.${kind}`)],
      });
    }
  });

  it('are regular files: nothing else of the name is taken, run or waited for', async () => {
    const code = `require('fs').writeFileSync(${JSON.stringify(at('ran'))}, ''); module.exports = {};`;
    await put({
      'agent-tars.config.ts/index.js': code,
      'agent-tars.config.ts/package.json': '{ "main": "index.js" }',
      'agent-tars.config.yaml': 'workspace: mine',
    });
    execFileSync('mkfifo', [at('agent-tars.config.js'), at('agent-tars.config.json')]);
    expect(await discoverConfig(cwd)).toBe(at('agent-tars.config.yaml'));
    for (const name of ['agent-tars.config.ts', 'agent-tars.config.js', 'agent-tars.config.json']) {
      await expect(loadConfigFiles(cwd, [name])).rejects.toThrow(
        `The configuration file ${at(name)} cannot be used: it is no regular file.`,
      );
    }
    await expect(loadConfigFiles(cwd, ['/dev/null'])).rejects.toThrow('it is no regular file');
    await expect(readFile(at('ran'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('may be links where they are named, and stop the start where they are found', async () => {
    await put({ 'shared.yaml': 'workspace: mine', 'agent-tars.config.yml': 'workspace: another' });
    for (const target of ['shared.yaml', 'missing.yaml']) {
      await symlink(target, at('agent-tars.config.yaml'));
      const refused = discoverConfig(cwd);
      await expect(refused).rejects.toThrow(InvalidConfig);
      await expect(refused).rejects.toThrow(`use --config ${at('agent-tars.config.yaml')}`);
      if (target === 'shared.yaml') {
        expect(await loadConfigFiles(cwd, ['agent-tars.config.yaml'])).toMatchObject({
          config: { workspace: 'mine' },
          files: [at('agent-tars.config.yaml')],
        });
      }
      await rm(at('agent-tars.config.yaml'));
    }
  });

  it('tell what their imports are, direct or not, and where others would be taken in their place', async () => {
    await put({
      'conf.ts': `
        import { one } from './parts/one';
        import './parts/js-for-ts.js';
        export { two } from "./parts/two.mjs";
        import { readFileSync } from 'node:fs';
        import yaml from 'yaml';
        import three from './parts/three';
        const four = await import('./parts/four.json');
        const words = "taken from './nowhere'";
        export default { workspace: one + three + four.default.text };`,
      'parts/one.ts': `export * from '../deep/five';`,
      'parts/js-for-ts.ts': `import '../conf.ts'; export {};`,
      'parts/two.mjs': `export const two = 2; import('./six.mjs');`,
      'parts/six.mjs': `export default import.meta.url;`,
      'parts/three/index.cjs': `module.exports = require('./seven.cjs');`,
      'parts/three/seven.cjs': `module.exports = 'three';`,
      'parts/four.json': '{ "text": "four" }',
      'deep/five.mts': `export const one: string = 'one';`,
      'parts/beside.ts': '',
    });
    const { config, files, shadows } = await loadConfigFiles(cwd, ['conf.ts']);
    expect(config).toEqual({ workspace: 'onethreefour' });
    expect(files[0]).toBe(at('conf.ts'));
    expect([...files].sort()).toEqual(
      [
        ...['conf.ts', 'deep/five.mts', 'parts/four.json', 'parts/js-for-ts.ts', 'parts/one.ts'],
        ...['parts/six.mjs', 'parts/three/index.cjs', 'parts/three/seven.cjs', 'parts/two.mjs'],
      ].map(at),
    );
    for (const path of [
      ...['parts/one.js', 'parts/one.mjs', 'parts/one', 'deep/five.js'],
      ...['parts/js-for-ts.js', 'parts/three.js', 'parts/three/index.js', 'parts/three/package.json'],
    ]) {
      expect(shadows).toContain(at(path));
    }
    expect(shadows).not.toContain(at('parts/three'));
    expect(shadows.filter((path) => /two|six|seven|four|beside/.test(path))).toEqual([]);
  });
});

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

  it('takes what contains itself', () => {
    const loop = () => {
      const object: Record<string, unknown> = {};
      object['model'] = object;
      return object as ConfigInput;
    };
    const merged = mergeConfig(mergeConfig({ workspace: 'x' }, loop()), loop());
    expect(merged).toMatchObject({ workspace: 'x', model: { model: {} } });
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

import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentTARSServer, InvalidConfig } from '../../src/index.js';
import { run, ServerProcess } from '../support/process.js';

/** A test starts the command several times. */
jest.setTimeout(90_000);

/** The working directory, and beside it the home of the user. */
let root: string;
const started: ServerProcess[] = [];

const at = (...names: string[]) => join(root, 'cwd', ...names);
const home = (...names: string[]) => join(root, 'home', ...names);
const options = (env: NodeJS.ProcessEnv = {}) => ({ cwd: at(), env: { HOME: home(), ...env } });

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'agent-tars-files-'));
  for (const directory of [at(), home()]) await mkdir(directory);
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.kill()));
  await rm(root, { recursive: true, force: true });
});

const write = (path: string, text: string | object) =>
  writeFile(path, typeof text === 'string' ? text : JSON.stringify(text));

async function start(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<ServerProcess> {
  const server = await ServerProcess.start(args, options(env));
  started.push(server);
  return server;
}

/** What `agent-tars serve` says where it is expected to stop at once. */
async function refusal(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const { code, stdout, stderr } = await run(['serve', '--port', '0', ...args], options(env));
  expect([code, stdout]).toEqual([1, '']);
  return stderr.trimEnd().split('\n');
}

const shown = (server: ServerProcess, label: string) =>
  server.greeting.map((line) => new RegExp(`^  ${label} +(.*)$`).exec(line)?.[1]).find(Boolean);

describe('a configuration file', () => {
  it('may begin with a byte-order mark', async () => {
    await write(at('agent-tars.config.json'), '\uFEFF{ "agent": { "name": "from Windows" } }');
    const server = await start();
    expect((await server.get('/api/agent/options')).body.options.name).toBe('from Windows');
  });

  it('stops the start at a key that is not known', async () => {
    await write(at('agent-tars.config.json'), { server: { auht: true }, model: { provder: 'openai' } });
    expect(await refusal([])).toEqual([
      'server.auht is not known; did you mean server.auth?',
      'model.provder is not known; did you mean model.provider?',
    ]);
    expect(await readdir(home())).toEqual([]);
  });

  it('of the published Agent TARS starts, with one line that says what of it is ignored', async () => {
    await write(at('agent-tars.config.yaml'), 'browser: { control: hybrid }\nplanner: { enable: true }\n');
    const server = await start();
    const lines = server
      .log()
      .split('\n')
      .filter((line) => line.includes('Ignored'));
    expect(lines).toEqual([expect.stringMatching(/nothing like it: browser, planner\.$/)]);
  });

  it('may hold what contains itself, and is refused in a line', async () => {
    await write(at('loop.yaml'), 'workspace: &a { b: *a }\n');
    expect(await refusal(['--config', 'loop.yaml', '--config', 'loop.yaml'])).toEqual([
      'workspace is an object that contains itself, but must be a text.',
    ]);
  });
});

describe('the home directory', () => {
  it('is what ~ means in a file, in the environment and in flags', async () => {
    await mkdir(home('work'));
    const storage = { type: 'sqlite', path: '~/own.db' };
    await write(home('c.json'), { dataDir: '~/data', workspace: '~', server: { storage } });
    const server = await start(['--config', '~/c.json', '--workspace', '~/work'], {
      AGENT_TARS_DATA_DIR: '~/env-data',
    });
    expect(shown(server, 'Config')).toBe(home('c.json'));
    expect(shown(server, 'Workspace')).toBe(home('work'));
    expect(shown(server, 'Data')).toBe(home('env-data'));
    expect((await stat(home('own.db'))).isFile()).toBe(true);
    expect(await readdir(at())).toEqual([]);
    const token = await run(['token', 'create', '--data-dir', '~/tokens'], options());
    expect(token.code).toBe(0);
    expect(await readdir(home('tokens'))).toContain('tokens.json');
  });
});

describe('a directory that is not one', () => {
  it('stops the start when it is the workspace, before anything is made', async () => {
    await write(at('file'), '');
    expect(await refusal(['--workspace', 'typo'])).toEqual([
      `workspace is "${at('typo')}", but must be a directory, and there is nothing.`,
    ]);
    expect(await refusal(['--workspace', 'file'])).toEqual([
      `workspace is "${at('file')}", but must be a directory, and that is none.`,
    ]);
    expect(await readdir(home())).toEqual([]);
  });

  it('stops a server in another program too', async () => {
    const server = new AgentTARSServer({ workspace: at('typo'), server: { storage: { type: 'memory' } } });
    await expect(server.start()).rejects.toThrow(InvalidConfig);
  });

  it.each(['/proc/agent-tars/data', '/dev/null/data'])(
    'stops the start when the data cannot be kept in it: %s',
    async (directory) => {
      const [line = '', ...more] = await refusal(['--data-dir', directory]);
      expect([line, more]).toEqual([
        expect.stringContaining(`${directory}/agent-tars.db cannot be opened`),
        [],
      ]);
      expect(await refusal(['--data-dir', directory, '--auth'])).toEqual([
        expect.stringMatching(
          `^The data directory ${directory} cannot be made \\(E\\w+\\)\\. Choose another --data-dir\\.$`,
        ),
      ]);
    },
  );
});

describe('--config with a URL', () => {
  let remote: Server;
  let origin: string;

  beforeEach(async () => {
    remote = createServer((req, res) => {
      const power = req.url?.startsWith('/tools.json') ? { tools: [] } : {};
      const config = { agent: { name: 'from afar', maxIterations: 7 }, dataDir: 'far-data', ...power };
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(config));
    }).listen(0, '127.0.0.1');
    await once(remote, 'listening');
    origin = `http://127.0.0.1:${(remote.address() as AddressInfo).port}`;
  });
  afterEach(() => void remote.close());

  it('takes the configuration from there, like a file of this machine', async () => {
    await write(at('later.json'), { agent: { maxIterations: 3 } });
    const server = await start(['--config', `${origin}/c.json?token=sentinel`, '--config', 'later.json']);
    expect((await server.get('/api/agent/options')).body.options).toMatchObject({
      name: 'from afar',
      maxIterations: 3,
    });
    expect(server.greeting).toContain(`  Config     ${origin}/c.json`);
    expect(server.greeting.join()).not.toContain('sentinel');
    const tokens = await run(['token', 'create', '--config', `${origin}/c.json`], options());
    expect([tokens.code, await readdir(at('far-data'))]).toEqual([
      0,
      expect.arrayContaining(['tokens.json']),
    ]);
  });

  it('stops the start in one line where it is refused', async () => {
    expect(await refusal(['--config', `${origin}/tools.json?token=sentinel`])).toEqual([
      `The configuration ${origin}/tools.json cannot be used: tools may not come from a URL: tools are code.`,
    ]);
    expect(await refusal(['--config', 'http://example.org/c.json'])).toEqual([
      'The configuration http://example.org/c.json cannot be used: it must be an https URL, or an http one of this machine.',
    ]);
  });
});

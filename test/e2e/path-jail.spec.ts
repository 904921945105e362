import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryHandle } from '../../src/files/directory-handle.js';
import { isHidden, isRunLater } from '../../src/files/hidden-names.js';
import { listDirectory } from '../../src/files/list-directory.js';
import { openFile, replaceFile, statInside } from '../../src/files/jailed-files.js';
import { PathJail } from '../../src/files/path-jail.js';
import { walk } from '../../src/files/walk.js';

const NO_RULES = { visible: [], offLimits: [] };
const SENTINEL = 'sentinel-outside';
const never = new AbortController().signal;

/** Puts a link to another directory in the place of `docs`, and takes it away again, all the time. */
const SWAPPER = `
  const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
  const [root, outside] = process.argv.slice(1);
  for (;;) {
    renameSync(root + '/docs', root + '/moved');
    symlinkSync(outside, root + '/docs');
    unlinkSync(root + '/docs');
    renameSync(root + '/moved', root + '/docs');
  }
`;

describe('hidden names', () => {
  it.each([
    ...['.env', '.ENV', '.git', '..x', 'ENV.', '․env', '．env', '\u200b.env', 'a\\b', '...'].filter(
      (name) => name !== 'ENV.',
    ),
    ...[
      'id_rsa',
      'ID_RSA',
      'id_ed25519_sk',
      'id_work',
      'id_rsa.bak',
      'id_rsa~',
      'id_rsa.',
      'id_rsa ',
      'id\u00ad_rsa',
    ],
    ...[
      'server.pem',
      'server.KEY',
      'a.p12',
      'vault.kdbx',
      'release.keystore',
      'key.ppk',
      'prod.env',
      'me.ovpn',
    ],
    ...['credentials', 'credentials.json', 'client_secret_12.json', 'service-account.json', 'secrets.yaml'],
    ...['_netrc', 'htpasswd', 'kubeconfig', 'terraform.tfstate', 'terraform.tfstate.backup'],
    ...['agent-tars.config.ts', 'agent-tars.config.json', 'Agent-Tars.Config.yml'],
  ])('%j is hidden', (name) => {
    expect(isHidden(name)).toBe(true);
  });

  it.each([
    ...[
      'readme.md',
      'id_rsa.pub',
      'id_card.tsx',
      'ident',
      'keyboard.ts',
      'a.key.ts',
      'environment',
      'env.ts',
    ],
    ...['credentials.ts', 'credentials.md', 'secrets.ts', 'pem', 'key', 'tfstate.go', 'agent-tars.config'],
  ])('%j is not', (name) => {
    expect(isHidden(name)).toBe(false);
  });

  it('are those of files, but for the dot: a directory is no key', () => {
    expect(isHidden('credentials', true)).toBe(false);
    expect(isHidden('certs.pem', true)).toBe(false);
    expect(isHidden('.ssh', true)).toBe(true);
  });

  it.each([
    ...['agent-tars.config.ts', 'agent-tars.config.json', 'AGENT-TARS.config.MJS', 'agent-tars.config.ts.'],
    ...['agent\uff0dtars.config.ts', 'agent-tars\u2024config.ts', 'agent-tars.config.ts\u200d'],
  ])('are also those of directories for the configuration: %j', (name) => {
    expect(isHidden(name, true)).toBe(true);
    expect(isRunLater(name)).toBe(true);
  });
});

describe('names of what runs later', () => {
  it.each([
    ...[
      'node_modules',
      'Node_Modules',
      'node_modules.',
      'node\uff3fmodules',
      'node_mod\u00adules',
      'node_module\u017f',
    ],
    ...['.git', '.GIT', '\uff0egit', '.husky', '.vscode', '.envrc'],
  ])('%j is one', (name) => {
    expect(isRunLater(name)).toBe(true);
  });

  it.each([
    'node_module',
    'my_node_modules',
    'node_modules.md',
    '.github',
    '.gitignore',
    'git',
    'agent-tars.config',
  ])('%j is none', (name) => {
    expect(isRunLater(name)).toBe(false);
  });
});

describe('the path jail', () => {
  let top: string;
  let root: string;
  let jail: PathJail;

  beforeAll(async () => {
    top = await realpath(await mkdtemp(join(tmpdir(), 'agent-tars-jail-')));
  });
  afterAll(() => rm(top, { recursive: true, force: true }));

  beforeEach(async () => {
    root = await mkdtemp(join(top, 'ws-'));
    await mkdir(join(root, 'docs', 'deep'), { recursive: true });
    await writeFile(join(root, 'docs', 'a.md'), 'inside');
    await mkdir(join(top, 'outside', 'deep'), { recursive: true });
    await writeFile(join(root, 'docs', 'deep', 'b.md'), 'inside');
    await writeFile(join(top, 'outside', 'a.md'), SENTINEL);
    await writeFile(join(top, 'outside', 'deep', 'b.md'), SENTINEL);
    jail = await PathJail.of(root, NO_RULES);
  });

  async function read(path: string, from = jail): Promise<string> {
    const { handle } = await openFile(from, path);
    try {
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  }

  async function write(path: string, text: string, from = jail): Promise<void> {
    await replaceFile(from, path, Buffer.from(text), never);
  }

  /** The ways in which a file is opened for writing, and all ways. */
  const writing = [
    (from: PathJail, path: string) => openFile(from, path, 'edit'),
    (from: PathJail, path: string) => replaceFile(from, path, Buffer.from('new'), never),
  ];
  const opening = [openFile, ...writing];

  /** A jail that answers as this one does, after which something happens before the answer is used. */
  function meanwhile(happens: () => Promise<unknown>): PathJail {
    return Object.create(jail, {
      resolve: {
        value: async (path: string) => {
          const real = await jail.resolve(path);
          await happens();
          return real;
        },
      },
    }) as PathJail;
  }

  it.each([
    ['docs/a.md', 'docs/a.md'],
    ['./docs//a.md', 'docs/a.md'],
    ['docs/../docs/a.md', 'docs/a.md'],
    ['', ''],
    ['.', ''],
    ['docs/new/file.txt', 'docs/new/file.txt'],
    ['docs/a.md/below', 'docs/a.md/below'],
  ])('resolves %j', async (path, real) => {
    expect(await jail.resolve(path)).toBe(join(root, real));
  });

  it('takes absolute paths that lie inside, also by the name that the workspace was given', async () => {
    await symlink(root, join(top, 'alias'));
    try {
      const aliased = await PathJail.of(join(top, 'alias'), NO_RULES);
      expect(await aliased.resolve(join(top, 'alias', 'docs', 'a.md'))).toBe(join(root, 'docs', 'a.md'));
      expect(await aliased.resolve(join(root, 'docs', 'a.md'))).toBe(join(root, 'docs', 'a.md'));
    } finally {
      await unlink(join(top, 'alias'));
    }
  });

  it('keeps its neighbour out whose name begins alike', async () => {
    await mkdir(`${root}-evil`);
    await writeFile(`${root}-evil/a.md`, SENTINEL);
    for (const path of [`${root}-evil/a.md`, `../${root.split('/').at(-1)}-evil/a.md`]) {
      await expect(read(path)).rejects.toThrow(/outside the workspace/);
    }
    await symlink(`${root}-evil/a.md`, join(root, 'link'));
    await expect(read('link')).rejects.toThrow(/leads out of the workspace/);
  });

  it('refuses links that leave, dangle or turn in circles, all with the same words', async () => {
    await symlink('../outside/a.md', join(root, 'out'));
    await symlink('../outside/missing', join(root, 'dangling'));
    await symlink('missing', join(root, 'dangling-inside'));
    await symlink('circle', join(root, 'circle'));
    await symlink('../outside', join(root, 'dir'));
    await symlink('out', join(root, 'chain'));
    for (const path of [
      'out',
      'dangling',
      'dangling-inside',
      'circle',
      'dir/a.md',
      'dir/new',
      'chain',
      'dir',
    ]) {
      for (const open of opening) {
        await expect(open(jail, path)).rejects.toThrow(
          `"${path}" cannot be used: a symbolic link in it leads out of the workspace, or nowhere.`,
        );
      }
    }
    expect(await readdir(join(top, 'outside'), { recursive: true })).toEqual(['a.md', 'deep', 'deep/b.md']);
  });

  it('follows links that stay inside', async () => {
    await symlink('docs', join(root, 'manual'));
    await symlink('manual/a.md', join(root, 'chain'));
    expect(await read('manual/a.md')).toBe('inside');
    expect(await read('chain')).toBe('inside');
    await write('manual/new.md', 'new');
    expect(await readFile(join(root, 'docs', 'new.md'), 'utf8')).toBe('new');
  });

  it('hides by the name of a link and by that of what it leads to', async () => {
    await writeFile(join(root, 'server.key'), SENTINEL);
    await symlink('server.key', join(root, 'notes.txt'));
    await symlink('docs/a.md', join(root, 'id_rsa'));
    await expect(read('notes.txt')).rejects.toThrow(/off limits/);
    await expect(read('id_rsa')).rejects.toThrow(/off limits/);
    const { entries } = await listDirectory(jail, '.');
    expect(entries.map(({ name }) => name)).toEqual(['docs']);
  });

  it('does not call a directory a key', async () => {
    await mkdir(join(root, 'credentials'));
    await write('credentials/index.ts', 'code');
    expect(await read('credentials/index.ts')).toBe('code');
    expect((await statInside(jail, 'credentials')).stats.isDirectory()).toBe(true);
    await expect(write('docs/credentials', 'x')).rejects.toThrow(/off limits/);
  });

  it('shows what is configured to be visible, and nothing else', async () => {
    for (const path of [
      '.github/workflows/ci.yml',
      '.github/secret',
      '.env',
      'a/.env.example',
      'certs/ca.pem',
    ]) {
      await mkdir(join(root, path, '..'), { recursive: true });
      await writeFile(join(root, path), path);
    }
    const visible = ['.env.example', '.github/workflows', 'certs/ca.pem'];
    const open = await PathJail.of(root, { visible, offLimits: [] });
    for (const path of ['.github/workflows/ci.yml', 'a/.env.example', 'certs/ca.pem']) {
      expect(await read(path, open)).toBe(path);
    }
    for (const path of ['.github/secret', '.env', 'ca.pem', 'a/certs/ca.pem', '.github']) {
      await expect(read(path, open)).rejects.toThrow(/off limits/);
    }
    const { entries } = await listDirectory(open, 'a');
    expect(entries.map(({ path }) => path)).toEqual(['a/.env.example']);
  });

  it("keeps the server's own files out, under any name, but not a workspace that lies among them", async () => {
    await mkdir(join(root, 'state'));
    await writeFile(join(root, 'state', 'token'), SENTINEL);
    await writeFile(join(root, 'db'), SENTINEL);
    await symlink('state', join(root, 'innocent'));
    const own = await PathJail.of(root, {
      visible: ['state'],
      offLimits: [join(root, 'state'), join(root, 'db'), top],
    });
    for (const path of ['state', 'state/token', 'state/new', 'db', 'innocent/token']) {
      await expect(own.resolve(path)).rejects.toThrow(/off limits/);
    }
    expect(await read('docs/a.md', own)).toBe('inside');
    expect((await listDirectory(own, '.')).entries.map(({ name }) => name)).toEqual(['docs']);
    const walked: string[] = [];
    for await (const { path } of walk(own, own.root, 100)) walked.push(path);
    expect(walked).toEqual(['docs', 'docs/a.md', 'docs/deep', 'docs/deep/b.md']);
  });

  it("takes another spelling for the server's own files, where a file system might", async () => {
    const own = await PathJail.of(root, {
      visible: [],
      offLimits: [join(root, 'state'), join(root, 'conf.mjs')],
    });
    for (const path of [
      'State/token',
      'STATE',
      '\uff53tate/new',
      'state./token',
      'Conf.mjs',
      'conf.MJS\u200d',
    ]) {
      for (const open of opening) {
        await expect(open(own, path)).rejects.toThrow(/off limits/);
      }
    }
    expect(await readdir(root)).toEqual(['docs']);
  });

  describe('where it may be read, but not written', () => {
    const READ_ONLY = /may be read but not changed/;

    async function expectReadOnly(path: string, from = jail): Promise<void> {
      for (const open of writing) {
        await expect(open(from, path)).rejects.toThrow(READ_ONLY);
      }
    }

    beforeEach(async () => {
      await mkdir(join(root, 'docs', 'node_modules', 'left-pad'), { recursive: true });
      await writeFile(join(root, 'docs', 'node_modules', 'left-pad', 'index.js'), 'code');
    });

    it('keeps node_modules as it is, at every depth, under every spelling and through links', async () => {
      await symlink('docs/node_modules', join(root, 'vendor'));
      await symlink('docs/node_modules/left-pad/index.js', join(root, 'pad.js'));
      for (const path of ['docs/node_modules/left-pad/index.js', 'vendor/left-pad/index.js', 'pad.js']) {
        expect(await read(path)).toBe('code');
        await expectReadOnly(path);
      }
      for (const path of [
        'node_modules/new/index.js',
        'docs/deep/node_modules/new/index.js',
        'docs/node_modules/left-pad/new.js',
        'vendor/new/index.js',
        'Node_Modules/new/index.js',
        'docs/node_modules./x',
        'node\uff3fmodules/x',
        'node_modules',
        'docs/deep/../node_modules/x',
        join(root, 'node_modules', 'x'),
      ]) {
        await expectReadOnly(path);
      }
      expect(await readdir(root)).toEqual(['docs', 'pad.js', 'vendor']);
      expect(await readdir(join(root, 'docs', 'deep'))).toEqual(['b.md']);
      expect((await listDirectory(jail, 'docs')).entries.map(({ name }) => name)).toContain('node_modules');
      await write('docs/node_modules.md', 'not one');
    });

    it('keeps what a link in the place of node_modules leads to', async () => {
      await mkdir(join(root, 'packages', 'dep'), { recursive: true });
      await symlink('packages', join(root, 'node_modules'));
      const linked = await PathJail.of(root, NO_RULES);
      await expectReadOnly('packages/dep/index.js', linked);
      await expectReadOnly('node_modules/dep/index.js', linked);
    });

    it('keeps what it is told to keep, through links and under every spelling, and nothing beside it', async () => {
      await mkdir(join(root, 'dist'));
      await writeFile(join(root, 'dist', 'main.js'), 'code');
      await symlink('dist', join(root, 'out'));
      const kept = await PathJail.of(root, {
        ...NO_RULES,
        readOnly: [join(root, 'dist'), join(root, 'later.mjs')],
      });
      expect(await read('dist/main.js', kept)).toBe('code');
      for (const path of [
        'dist/main.js',
        'out/main.js',
        'dist',
        'DIST/new.js',
        'dist/a/b.js',
        'later.mjs',
        'Later.mjs',
      ]) {
        await expectReadOnly(path, kept);
      }
      await write('dist-2/main.js', 'mine', kept);
      await write('later.mjs.md', 'mine', kept);
    });

    it('keeps all of a workspace that lies in what is kept', async () => {
      const kept = await PathJail.of(join(root, 'docs'), { ...NO_RULES, readOnly: [root] });
      expect(await read('a.md', kept)).toBe('inside');
      await expectReadOnly('a.md', kept);
      const same = await PathJail.of(root, { ...NO_RULES, readOnly: [root] });
      await expectReadOnly('new.md', same);
    });

    it('does not let what runs later be written, also where it is made visible', async () => {
      const visible = ['.git', '.husky', '.vscode', '.envrc', 'agent-tars.config.ts', '.github'];
      const open = await PathJail.of(root, { visible, offLimits: [] });
      for (const path of [
        '.git/config',
        '.husky/pre-commit',
        '.vscode/tasks.json',
        '.envrc',
        'agent-tars.config.ts',
      ]) {
        await mkdir(join(root, path, '..'), { recursive: true });
        await writeFile(join(root, path), 'mine');
        expect(await read(path, open)).toBe('mine');
        await expectReadOnly(path, open);
      }
      await write('.github/workflows/ci.yml', 'steps', open);
    });
  });

  it('says no to what no path may be', async () => {
    await expect(jail.resolve('a\0b')).rejects.toThrow(/character/);
    await expect(jail.resolve('..\\x')).rejects.toThrow(/character/);
    await expect(jail.resolve('x/'.repeat(3_000))).rejects.toThrow(/too long/);
    await expect(read('x'.repeat(300))).rejects.toThrow(/too long/);
  });

  it('does not wait at a pipe', async () => {
    execFileSync('mkfifo', [join(root, 'pipe')]);
    for (const open of opening) {
      await expect(open(jail, 'pipe')).rejects.toThrow(/no regular file/);
    }
    expect((await listDirectory(jail, '.')).entries.map(({ name }) => name)).toEqual(['docs']);
  });

  describe('when something else is put in the place of what was looked at', () => {
    const swapLeaf = async () => {
      await unlink(join(root, 'docs', 'a.md'));
      await symlink(join(top, 'outside', 'a.md'), join(root, 'docs', 'a.md'));
    };
    const swapParent = async () => {
      await rename(join(root, 'docs'), join(root, 'moved'));
      await symlink(join(top, 'outside'), join(root, 'docs'));
    };
    const untouched = async () => {
      expect(await readdir(join(top, 'outside'), { recursive: true })).toEqual(['a.md', 'deep', 'deep/b.md']);
      for (const path of ['a.md', 'deep/b.md']) {
        expect(await readFile(join(top, 'outside', path), 'utf8')).toBe(SENTINEL);
      }
    };

    it.each([
      ['a link for the file', swapLeaf, 'docs/a.md'],
      ['a link for its directory', swapParent, 'docs/a.md'],
      ['a link for a directory above', swapParent, 'docs/deep/b.md'],
    ])('opens nothing: %s', async (_what, swap, path) => {
      for (const open of opening) {
        await rm(join(root, 'docs'), { recursive: true });
        await rm(join(root, 'moved'), { recursive: true, force: true });
        await mkdir(join(root, 'docs', 'deep'), { recursive: true });
        for (const file of ['a.md', 'deep/b.md']) await writeFile(join(root, 'docs', file), 'inside');
        await expect(open(meanwhile(swap), path)).rejects.toThrow(
          /changed while it was opened|There is no|is no directory/,
        );
        await untouched();
      }
    });

    it('makes nothing outside', async () => {
      await expect(write('docs/deep/new/er.txt', 'x', meanwhile(swapParent))).rejects.toThrow();
      await untouched();
    });

    it('lists nothing from outside, and looks at nothing there', async () => {
      await expect(listDirectory(meanwhile(swapParent), 'docs')).rejects.toThrow();
      await rm(join(root, 'docs'));
      await rename(join(root, 'moved'), join(root, 'docs'));
      await expect(statInside(meanwhile(swapParent), 'docs/deep/b.md')).rejects.toThrow();
      await rm(join(root, 'docs'));
      await rename(join(root, 'moved'), join(root, 'docs'));
      await expect(listDirectory(meanwhile(swapParent), 'docs/deep')).rejects.toThrow();
    });

    it('keeps to the directory that it holds', async () => {
      const held = await DirectoryHandle.open(join(root, 'docs'));
      await swapParent();
      const file = await held.file('a.md', constants.O_RDONLY);
      expect(await file.readFile('utf8')).toBe('inside');
      await file.close();
      const made = await held.make('made');
      await (await made.file('new', constants.O_WRONLY | constants.O_CREAT)).close();
      await made.close();
      expect(await readdir(join(root, 'moved', 'made'))).toEqual(['new']);
      expect((await held.entries(10)).map(({ name }) => name).sort()).toEqual(['a.md', 'deep', 'made']);
      await held.close();
      await untouched();
    });

    it('compares afterwards where a directory cannot be held', async () => {
      const held = await DirectoryHandle.open(join(root, 'docs'), false);
      const file = await held.file('a.md', constants.O_RDONLY);
      expect(await file.readFile('utf8')).toBe('inside');
      await file.close();
      await swapParent();
      await expect(held.file('a.md', constants.O_RDONLY)).rejects.toMatchObject({ code: 'ELOOP' });
      await expect(DirectoryHandle.open(join(root, 'docs'), false)).rejects.toMatchObject({ code: 'ELOOP' });
      await held.close();
    });

    it('holds while somebody swaps all the time', async () => {
      // In a process of its own, for here each swap would wait for the turn of what it is to disturb.
      const swapper = spawn(process.execPath, ['-e', SWAPPER, root, join(top, 'outside')], {
        stdio: 'ignore',
      });
      const outcomes = { read: 0, refused: 0 };
      try {
        for (let i = 0; i < 1_500 || outcomes.read === 0 || outcomes.refused === 0; i++) {
          try {
            const { handle } = await openFile(jail, 'docs/deep/b.md', i % 2 === 0 ? 'read' : 'edit');
            expect(await handle.readFile('utf8').finally(() => handle.close())).toBe('inside');
            outcomes.read += 1;
          } catch (error) {
            expect((error as Error).message).toMatch(/cannot be used|There is no/);
            outcomes.refused += 1;
          }
        }
      } finally {
        swapper.kill();
        await once(swapper, 'exit');
      }
      await untouched();
    });
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppConfig, resolveConfig, SQLITE_DRIVERS } from '../../config/index.js';
import { loadSqliteDriver } from './drivers/index.js';
import { openDatabase } from './open-database.js';
import { PrivateFiles } from './private-files.js';

const loaded = await Promise.allSettled(SQLITE_DRIVERS.map((name) => loadSqliteDriver(name)));
const installed = SQLITE_DRIVERS.filter((_name, i) => loaded[i]?.status === 'fulfilled');

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'agent-tars-private-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

/** Warnings logged while the files of a data directory are made private. */
async function warnings(dataDir: string, path?: string): Promise<string[]> {
  const lines: string[] = [];
  const warn = (line: string) => void lines.push(line);
  Logger.overrideLogger({ warn, log: warn, error: warn });
  const storage = path === undefined ? { type: 'memory' } : { type: 'sqlite', path };
  try {
    await new PrivateFiles({ dataDir, server: { storage } } as AppConfig).onModuleInit();
  } finally {
    Logger.overrideLogger(true);
  }
  return lines;
}

/** Data directory that everybody can read, with the modes of older versions. */
async function wide(name: string, ...files: string[]): Promise<string> {
  const dataDir = join(directory, name);
  await mkdir(dataDir);
  for (const file of files) {
    await writeFile(join(dataDir, file), '');
    await chmod(join(dataDir, file), 0o664);
  }
  await chmod(dataDir, 0o700);
  return dataDir;
}

(process.platform === 'win32' ? describe.skip : describe)('the files of the data directory', () => {
  it.each(installed)('are made so that their owner alone can read them: %s', async (driver) => {
    const before = process.umask(0);
    try {
      const path = join(directory, driver, 'new.db');
      const work = await openDatabase({ type: 'sqlite', path, driver }, []);
      const names = (await readdir(join(directory, driver))).sort();
      expect(names).toEqual(['new.db', 'new.db-shm', 'new.db-wal']);
      for (const name of names) expect(await modeOf(join(directory, driver, name))).toBe(0o600);
      await work.close();
    } finally {
      process.umask(before);
    }
  });

  it('are made so where server.storage.path is outside, and a link that leads to nothing yet', async () => {
    const before = process.umask(0);
    const target = join(directory, 'elsewhere', 'target.db');
    const link = join(directory, 'link.db');
    await symlink(target, link);
    try {
      const { server } = resolveConfig(
        { dataDir: join(directory, 'data'), server: { storage: { type: 'sqlite', path: link } } },
        { cwd: directory, env: {} },
      );
      const work = await openDatabase(server.storage, []);
      await work.write((tx) => tx.execute('DELETE FROM "sessions"'));
      for (const suffix of ['', '-wal', '-shm']) expect(await modeOf(target + suffix)).toBe(0o600);
      await work.close();
    } finally {
      process.umask(before);
    }
  });

  it('are taken from others who could read them, and those that are none of them are left alone', async () => {
    const dataDir = await wide('old', 'own.db', 'own.db-journal', 'tokens.json', 'mine.txt');
    const path = join(dataDir, 'own.db');
    const expected = ['tokens.json', 'own.db', 'own.db-journal'].map((name) => join(dataDir, name));
    expect(await warnings(dataDir, path)).toEqual([
      `Other users of this machine could read ${expected.join(', ')}. From now on their owner alone can.`,
    ]);
    for (const file of expected) expect(await modeOf(file)).toBe(0o600);
    expect(await modeOf(join(dataDir, 'mine.txt'))).toBe(0o664);
    expect(await warnings(dataDir, path)).toEqual([]);
  });

  it('are told of where their directory is open, and where there are none nothing is', async () => {
    const dataDir = await wide('open');
    await chmod(dataDir, 0o701);
    expect(await warnings(dataDir)).toEqual([
      `Other users of this machine can look into ${dataDir}. Run "chmod 700" on it, or choose a directory with --data-dir.`,
    ]);
    expect(await warnings(join(directory, 'none'), join(directory, 'none', 'x.db'))).toEqual([]);
  });

  const asRoot = process.getuid?.() === 0 ? it : it.skip;
  asRoot('keep the mode that another user has given them, which is told', async () => {
    const dataDir = await wide('another', 'auth-token');
    const file = join(dataDir, 'auth-token');
    await chown(file, 65_534, 65_534);
    expect(await warnings(dataDir)).toEqual([
      `Other users of this machine can read ${file}. Their mode cannot be changed: see to their owner and their file system.`,
    ]);
    expect(await modeOf(file)).toBe(0o664);
  });
});

import { access, stat } from 'node:fs/promises';
import type { StorageConfig } from '../../config/index.js';
import { UnusableDatabase } from './inspect-database.js';
import { rewrite } from './compact.js';
import { DataLock } from './data-lock.js';
import { loadSqliteDriver } from './drivers/index.js';
import { dataSource, notOpened } from './open-database.js';

/** Sizes of a database file, in bytes. */
interface Sizes {
  readonly before: number;
  readonly after: number;
}

/** Rewrites the database file of a stopped server, whatever its size. */
export class CompactDatabase {
  /** @throws DataInUse, DatabaseNotOpened, NoSqliteDriver; the file is as it was then */
  static async run(storage: Extract<StorageConfig, { type: 'sqlite' }>): Promise<Sizes> {
    const { path } = storage;
    await access(path).catch(() => {
      throw notOpened(path, new UnusableDatabase('does not exist. Choose another --data-dir.'));
    });
    const lock = await DataLock.take({ storage, shared: false });
    try {
      const driver = await loadSqliteDriver(storage.driver);
      const { size: before } = await stat(path);
      const connection = await dataSource(driver, path).initialize();
      try {
        await rewrite(driver, path, connection);
      } finally {
        await connection.destroy();
      }
      return { before, after: (await stat(path)).size };
    } catch (error) {
      throw notOpened(path, error as Error);
    } finally {
      await lock.release();
    }
  }
}

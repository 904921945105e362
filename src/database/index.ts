export { CommitInDoubt, DatabaseNotOpened, DatabaseUnavailable, DataInUse } from './database.errors.js';
export { DatabaseModule } from './database.module.js';
export { notOpened, openDatabase } from './sqlite/open-database.js';
export { CompactDatabase } from './sqlite/compact-database.js';
export { DataLock } from './sqlite/data-lock.js';
export { NoSqliteDriver } from './sqlite/drivers/index.js';
export { type Delayed, type Reader, type Select, type Transaction, UnitOfWork } from './unit-of-work.js';

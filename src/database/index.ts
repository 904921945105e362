export { UnitOfWork } from './unit-of-work.js';
export { type Delayed } from './write-queue.js';
export { type Reader, type Transaction } from './writer.js';
export { DatabaseNotOpened, notOpened, openDatabase } from './open-database.js';
export { NoSqliteDriver } from './drivers/index.js';
export { DatabaseModule } from './database.module.js';

export { UnitOfWork } from './sqlite/unit-of-work.js';
export { type Delayed } from './sqlite/write-queue.js';
export { type Reader, type Transaction } from './sqlite/writer.js';
export { DatabaseNotOpened, notOpened, openDatabase } from './sqlite/open-database.js';
export { NoSqliteDriver } from './sqlite/drivers/index.js';
export { DatabaseModule } from './database.module.js';

import { type DynamicModule, Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { MixedList } from 'typeorm';
import { AppConfig, type StorageConfig } from '../config/index.js';
import { DataLock } from './sqlite/data-lock.js';
import { openDatabase } from './sqlite/open-database.js';
import { PrivateFiles } from './sqlite/private-files.js';
import { UnitOfWork } from './unit-of-work.js';

/** Opens the database before anything that needs it, and closes it after everything else has stopped. */
@Global()
@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(
    @Inject(UnitOfWork) private readonly work: UnitOfWork,
    @Inject(DataLock) private readonly lock: DataLock,
  ) {}

  /** @param lock of the database; taken here unless given */
  static forRoot(entities: MixedList<new () => object>, lock?: DataLock): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [
        {
          provide: DataLock,
          useFactory: ({ server }: AppConfig) => lock ?? DataLock.take(server),
          inject: [AppConfig],
        },
        {
          provide: UnitOfWork,
          useFactory: ({ server }: AppConfig, held: DataLock) => openLocked(server.storage, entities, held),
          inject: [AppConfig, DataLock],
        },
        PrivateFiles,
      ],
      exports: [UnitOfWork],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.work.close();
    await this.lock.release();
  }
}

async function openLocked(
  storage: StorageConfig,
  entities: MixedList<new () => object>,
  lock: DataLock,
): Promise<UnitOfWork> {
  try {
    return await openDatabase(storage, entities);
  } catch (error) {
    await lock.release(); // the application that failed to start closes nothing
    throw error;
  }
}

import { type DynamicModule, Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { MixedList } from 'typeorm';
import { AppConfig } from '../config/index.js';
import { openDatabase } from './sqlite/open-database.js';
import { PrivateFiles } from './sqlite/private-files.js';
import { UnitOfWork } from './unit-of-work.js';

/** Opens the database before anything that needs it, and closes it after everything else has stopped. */
@Global()
@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(@Inject(UnitOfWork) private readonly work: UnitOfWork) {}

  static forRoot(entities: MixedList<new () => object>): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [
        {
          provide: UnitOfWork,
          useFactory: (config: AppConfig) => openDatabase(config.server.storage, entities),
          inject: [AppConfig],
        },
        PrivateFiles,
      ],
      exports: [UnitOfWork],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.work.close();
  }
}

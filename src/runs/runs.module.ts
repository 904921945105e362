import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { SharedRuns } from './shared-runs.js';
import { ActiveRuns } from './active-runs.js';
import { RunEvents } from './run-events.js';
import { RunExecutor } from './run-executor.js';
import { RunLifecycle } from './run-lifecycle.js';
import { RunScheduler } from './run-scheduler.js';
import { RunsRepository } from './runs.repository.js';
import { RunsService } from './runs.service.js';

/** Runs: lifecycle and execution. */
@Module({})
export class RunsModule {
  /** @param imports the modules that provide RunSessions and RunPreparation */
  static with(imports: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return {
      module: RunsModule,
      global: true,
      imports,
      providers: [
        SharedRuns,
        ActiveRuns,
        RunEvents,
        RunExecutor,
        RunLifecycle,
        RunScheduler,
        RunsRepository,
        RunsService,
      ],
      exports: [ActiveRuns, RunEvents, RunScheduler, RunsRepository, RunsService],
    };
  }
}

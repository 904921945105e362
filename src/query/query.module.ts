import { Module } from '@nestjs/common';
import { SessionsModule } from '../sessions/index.js';
import { WorkspaceModule } from '../workspace/index.js';
import { OneshotService } from './oneshot.service.js';
import { QueryController } from './query.controller.js';
import { QueryService } from './query.service.js';
import { QueryStreams } from './query-streams.js';
import { RunEvents } from './run-events.js';
import { RunEnds } from './run-ends.js';
import { RunEngine } from './run-engine.js';
import { RunsRepository } from './runs.repository.js';

@Module({
  imports: [SessionsModule, WorkspaceModule],
  controllers: [QueryController],
  providers: [RunsRepository, RunEnds, RunEvents, RunEngine, QueryService, QueryStreams, OneshotService],
  exports: [QueryService],
})
export class QueryModule {}

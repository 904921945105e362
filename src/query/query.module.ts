import { Module } from '@nestjs/common';
import { SessionsModule } from '../sessions/index.js';
import { WorkspaceModule } from '../workspace/index.js';
import { OneshotService } from './oneshot.service.js';
import { QueryController } from './query.controller.js';
import { QueryService } from './query.service.js';
import { QueryStreams } from './query-streams.js';
import { RunEvents } from '../runs/run-events.js';
import { RunCompletion } from '../runs/run-completion.js';
import { RunEngine } from '../runs/run-engine.js';
import { RunsRepository } from '../runs/runs.repository.js';

@Module({
  imports: [SessionsModule, WorkspaceModule],
  controllers: [QueryController],
  providers: [RunsRepository, RunCompletion, RunEvents, RunEngine, QueryService, QueryStreams, OneshotService],
  exports: [QueryService],
})
export class QueryModule {}

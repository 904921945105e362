import { Module } from '@nestjs/common';
import { SessionsModule } from '../sessions/index.js';
import { OneshotService } from './oneshot.service.js';
import { QueryController } from './query.controller.js';
import { QueryService } from './query.service.js';
import { QueryStreams } from './query-streams.js';
import { RunResults } from './run-results.service.js';

@Module({
  imports: [SessionsModule],
  controllers: [QueryController],
  providers: [RunResults, QueryService, QueryStreams, OneshotService],
  exports: [QueryService],
})
export class QueryModule {}

import { Module } from '@nestjs/common';
import { RunSessions } from '../runs/index.js';
import { EventLists } from './event-lists.js';
import { SessionLists } from './session-lists.js';
import { SessionStreams } from './session-streams.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsRepository } from './sessions.repository.js';
import { SessionsService } from './sessions.service.js';

@Module({
  controllers: [SessionsController],
  providers: [
    SessionsRepository,
    SessionsService,
    EventLists,
    SessionLists,
    SessionStreams,
    { provide: RunSessions, useExisting: SessionsService },
  ],
  exports: [SessionsService, SessionStreams, RunSessions],
})
export class SessionsModule {}

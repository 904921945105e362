import { Module } from '@nestjs/common';
import { RunSessions } from '../runs/index.js';
import { EventLists } from './event-lists.js';
import { SessionLists } from './session-lists.js';
import { SessionEvents } from './session-events.js';
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
    SessionEvents,
    { provide: RunSessions, useExisting: SessionsService },
  ],
  exports: [SessionsService, SessionEvents, RunSessions],
})
export class SessionsModule {}

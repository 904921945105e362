import { Module } from '@nestjs/common';
import { RunSessions } from '../runs/index.js';
import { EventLists } from './event-lists.js';
import { RuntimeSettings } from './runtime-settings.js';
import { SessionCreation } from './session-creation.js';
import { SessionDeletion } from './session-deletion.js';
import { SessionLists } from './session-lists.js';
import { SessionEvents } from './session-events.js';
import { SessionKeys } from './session-keys.js';
import { SessionSettings } from './session-settings.js';
import { SessionTitles } from './session-titles.js';
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
    RuntimeSettings,
    SessionKeys,
    SessionCreation,
    SessionDeletion,
    SessionSettings,
    SessionTitles,
    { provide: RunSessions, useExisting: SessionsService },
  ],
  exports: [SessionsService, SessionCreation, SessionSettings, SessionEvents, RunSessions],
})
export class SessionsModule {}

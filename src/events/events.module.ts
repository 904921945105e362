import { Global, Module } from '@nestjs/common';
import { EventBus } from './event-bus.js';
import { EventLog } from './event-log.js';
import { EventPages } from './event-pages.js';
import { EventTruncator } from './event-truncation.js';
import { EventFeed } from './event-feed.js';
import { RunRecorders } from './run-recorders.js';
import { StreamingMessages } from './streaming-messages.js';

@Global()
@Module({
  providers: [EventBus, EventLog, EventPages, EventFeed, EventTruncator, RunRecorders, StreamingMessages],
  exports: [EventBus, EventLog, EventPages, EventFeed, EventTruncator, RunRecorders],
})
export class EventsModule {}

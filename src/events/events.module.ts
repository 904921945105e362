import { Global, Module } from '@nestjs/common';
import { EventBus } from './event-bus.js';
import { EventLog } from './event-log.js';
import { EventPages } from './event-pages.js';
import { EventTruncator } from './event-truncation.js';
import { EventFeed } from './event-feed.js';

@Global()
@Module({
  providers: [EventBus, EventLog, EventPages, EventFeed, EventTruncator],
  exports: [EventBus, EventLog, EventPages, EventFeed, EventTruncator],
})
export class EventsModule {}

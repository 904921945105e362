import { Global, Module } from '@nestjs/common';
import { EventBus } from './event-bus.js';
import { EventLog } from './event-log.js';
import { EventPages } from './event-pages.js';
import { Frames } from './event-truncation.js';
import { EventWatch } from './event-feed.js';

@Global()
@Module({
  providers: [EventBus, EventLog, EventPages, EventWatch, Frames],
  exports: [EventBus, EventLog, EventPages, EventWatch, Frames],
})
export class EventsModule {}

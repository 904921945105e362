import { Global, Module } from '@nestjs/common';
import { EventBus } from './event-bus.js';
import { EventLog } from './event-log.js';
import { EventPages } from './event-pages.js';
import { Frames } from './frames.js';
import { EventWatch } from './watch.js';

@Global()
@Module({
  providers: [EventBus, EventLog, EventPages, EventWatch, Frames],
  exports: [EventBus, EventLog, EventPages, EventWatch, Frames],
})
export class EventsModule {}

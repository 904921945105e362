import { Global, Module } from '@nestjs/common';
import { EventBus } from './event-bus.js';
import { EventLog } from './event-log.js';
import { Frames } from './frames.js';
import { EventWatch } from './watch.js';

@Global()
@Module({
  providers: [EventBus, EventLog, EventWatch, Frames],
  exports: [EventBus, EventLog, EventWatch],
})
export class EventsModule {}

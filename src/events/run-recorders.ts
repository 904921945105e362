import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../database/index.js';
import { EventBus } from './event-bus.js';
import { EventLog } from './event-log.js';
import type { NoticeEvent } from './event.types.js';
import { toLiveEvent } from './live-event.js';
import { RunRecorder, type RunRecorderScope } from './run-recorder.js';
import { StreamingMessages } from './streaming-messages.js';

/** Makes the recorder of each run. */
@Injectable()
export class RunRecorders {
  constructor(
    private readonly work: UnitOfWork,
    private readonly events: EventLog,
    private readonly bus: EventBus,
    private readonly streaming: StreamingMessages,
  ) {}

  open(scope: RunRecorderScope): RunRecorder {
    return new RunRecorder(this.work, this.events, this.bus, this.streaming, scope);
  }

  /** Publishes an event that is not stored. */
  announce(sessionId: string, event: NoticeEvent): void {
    this.bus.publish(sessionId, toLiveEvent(event));
  }
}

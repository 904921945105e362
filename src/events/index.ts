export * from './event.types.js';
export { EventBus } from './event-bus.js';
export { EventLog, type LoggedEvent, type PageOptions } from './event-log.js';
export { EventWatch, type Watched } from './watch.js';
export { EventsModule } from './events.module.js';
export { OpenMessage } from './open-message.js';
export { asPublished, type Published } from './published.js';
export { RunLog } from './run-log.js';
export { StoredEvent } from './event.entity.js';

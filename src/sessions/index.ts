export { RuntimeSettingsDto, SessionIdDto, WatchSessionDto } from './dto/sessions.dto.js';
export type { CurrentSettingsDto } from './current-settings.dto.js';
export { type SessionDto, type SessionStatus, toSessionStatus } from './session.dto.js';
export { Session } from './session.entity.js';
export { SessionEvents } from './session-events.js';
export { SessionSettings } from './session-settings.js';
export { SessionsModule } from './sessions.module.js';
export type { SessionSummary } from './sessions.repository.js';
export { SessionsService } from './sessions.service.js';

export type { RunDto } from './dto/run.dto.js';
export { AbortDto, QueryDto } from './dto/query.dto.js';
export { QueryModule } from './query.module.js';
export { QueryService } from './query.service.js';
export type { OneshotService } from './oneshot.service.js';
export type { QueryStreams } from './query-streams.js';

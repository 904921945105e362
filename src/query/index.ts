export { AbortDto, QueryDto } from './dto/query.dto.js';
export { QueryModule } from './query.module.js';
export { QueryService } from './query.service.js';

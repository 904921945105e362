import { IsOptional } from 'class-validator';
import { IsSessionId } from '../../common/validation.js';

export class OptionalSessionDto {
  @IsOptional()
  @IsSessionId()
  readonly sessionId?: string;
}

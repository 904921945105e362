import { IsOptional } from 'class-validator';
import { IsSessionId } from '../../http/validation.js';

export class OptionalSessionDto {
  @IsOptional()
  @IsSessionId()
  readonly sessionId?: string;
}

import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { IsSessionId } from '../../http/validation.js';

export class JoinSessionDto {
  @IsSessionId()
  readonly sessionId: string;

  /** The last seq that the client has: what it missed is sent first. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  readonly after?: number;
}

export class LeaveSessionDto {
  @IsSessionId()
  readonly sessionId: string;
}

import { IsBoolean, IsOptional } from 'class-validator';
import { IsSessionId } from '../../http/validation.js';

export class ShareDto {
  @IsSessionId()
  readonly sessionId: string;

  /** true: the page goes to the share provider and its address comes back; otherwise the page itself does. */
  @IsOptional()
  @IsBoolean()
  readonly upload?: boolean;
}

import { ArrayMaxSize, IsArray, IsIn, IsNotEmpty, IsOptional, IsString, MaxLength } from 'class-validator';
import { MAX_KEY_LENGTH } from '../../http/idempotency.js';
import { IsRunId, IsSessionId } from '../../http/validation.js';
import { WHEN_BUSY, type WhenBusy } from '../../config/index.js';
import type { QueryContent } from '../../events/index.js';
import { IsQueryContent } from '../query-content.js';

export class QueryDto {
  @IsSessionId()
  readonly sessionId: string;

  /** A text, or content parts: { type: "text", text } and { type: "image_url", image_url: { url } }. */
  @IsQueryContent()
  readonly query: QueryContent;

  /** What happens when the session has a run under way. Default: the server's rule, `reject`. */
  @IsOptional()
  @IsIn(WHEN_BUSY)
  readonly whenBusy?: WhenBusy;

  /** The same key within 24 hours attaches to the same run. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(MAX_KEY_LENGTH)
  readonly idempotencyKey?: string;
}

export class AbortDto {
  @IsSessionId()
  readonly sessionId: string;

  /** A run of the queue, to take it out. Default: the one under way. */
  @IsOptional()
  @IsRunId()
  readonly runId?: string;
}

export class OneshotDto {
  @IsQueryContent()
  readonly query: QueryContent;

  @IsOptional()
  @IsString()
  @MaxLength(500)
  readonly sessionName?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(200, { each: true })
  readonly sessionTags?: string[];
}

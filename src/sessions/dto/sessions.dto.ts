import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsInt,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateNested,
} from 'class-validator';
import { IsSessionId } from '../../common/validation.js';

/** The only options of the agent that a client may set, per session. */
export class AgentOptionsDto {
  /** Told to the model after the server's own instructions. */
  @IsOptional()
  @IsString()
  @MaxLength(100_000)
  readonly instructions?: string;

  /** Model steps that one run may take; never more than the server allows. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(10_000)
  readonly maxIterations?: number;

  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(2)
  readonly temperature?: number;

  @IsOptional()
  @IsInt()
  @Min(1)
  readonly maxOutputTokens?: number;
}

export class CreateSessionDto {
  @IsOptional()
  @IsString()
  @MaxLength(500)
  readonly name?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(200, { each: true })
  readonly tags?: string[];

  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => AgentOptionsDto)
  readonly agentOptions?: AgentOptionsDto;

  /** Checked against the server's schema of runtime settings. */
  @IsOptional()
  @IsObject()
  readonly runtimeSettings?: Record<string, unknown>;
}

export class SessionIdDto {
  @IsSessionId()
  readonly sessionId: string;
}

export class ListSessionsDto {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000)
  readonly limit?: number;

  /** `nextCursor` of the page before. */
  @IsOptional()
  @IsString()
  readonly cursor?: string;

  @IsOptional()
  @IsString()
  readonly tag?: string;
}

export class ListEventsDto extends SessionIdDto {
  /** Events with a higher seq only. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  readonly after?: number;

  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly limit?: number;

  /** Event types, separated by commas. */
  @IsOptional()
  @IsString()
  readonly types?: string;
}

export class WatchSessionDto extends SessionIdDto {
  /** The last seq that the client has. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  readonly after?: number;
}

export class UpdateSessionDto extends SessionIdDto {
  @IsOptional()
  @IsString()
  @MaxLength(500)
  readonly name?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(200, { each: true })
  readonly tags?: string[];

  /** Merged into what is there, key by key; `null` removes a key. */
  @IsOptional()
  @IsObject()
  readonly metadata?: Record<string, unknown>;
}

export class ModelRefDto {
  @IsString()
  @MinLength(1)
  readonly provider: string;

  @IsString()
  @MinLength(1)
  readonly id: string;
}

export class ChooseModelDto extends SessionIdDto {
  @IsObject()
  @ValidateNested()
  @Type(() => ModelRefDto)
  readonly model: ModelRefDto;
}

export class GenerateSummaryDto extends SessionIdDto {
  /** The conversation: objects with a role and a content. */
  @IsArray()
  @ArrayMaxSize(1_000)
  @IsObject({ each: true })
  readonly messages: Record<string, unknown>[];

  @IsOptional()
  @IsString()
  readonly model?: string;

  @IsOptional()
  @IsString()
  readonly provider?: string;
}

export class RuntimeSettingsDto extends SessionIdDto {
  @IsObject()
  readonly runtimeSettings: Record<string, unknown>;
}

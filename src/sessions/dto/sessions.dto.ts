import { plainToInstance, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
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
  registerDecorator,
  ValidateNested,
  validateSync,
} from 'class-validator';
import { IsLeftOutOr, IsSessionId, problemsOf } from '../../http/validation.js';

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
  @Max(10_000_000)
  readonly maxOutputTokens?: number;
}

export class NameAndTagsDto {
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
}

/** An open object whose `name` and `tags` follow the rules of {@link NameAndTagsDto}. */
function HasNameAndTags(): PropertyDecorator {
  const problem = (value: unknown, parent: string) =>
    problemsOf(validateSync(plainToInstance(NameAndTagsDto, Object(value))), `${parent}.`)[0]?.problem;
  return (target, property) => {
    registerDecorator({
      name: 'hasNameAndTags',
      target: target.constructor,
      propertyName: property as string,
      validator: {
        validate: (value, args) => problem(value, args?.property ?? '') === undefined,
        defaultMessage: (args) => problem(args?.value, args?.property ?? '') ?? '',
      },
    });
  };
}

export class CreateSessionDto extends NameAndTagsDto {
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
  @MaxLength(500)
  readonly cursor?: string;

  @IsOptional()
  @IsString()
  @MaxLength(200)
  readonly tag?: string;
}

export class ListEventsDto extends SessionIdDto {
  /** Events with a higher seq only. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
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
  @MaxLength(2_000)
  readonly types?: string;
}

export class WatchSessionDto extends SessionIdDto {
  /** The last seq that the client has. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  readonly after?: number;
}

export class UpdateSessionDto extends NameAndTagsDto {
  @IsSessionId()
  readonly sessionId: string;

  /** Merged into what is there, key by key; `null` removes a key. `name` and `tags` may stand here too. */
  @IsLeftOutOr()
  @IsObject()
  @HasNameAndTags()
  readonly metadata?: Record<string, unknown> & NameAndTagsDto;
}

export class ModelRefDto {
  @IsString()
  @MinLength(1)
  @MaxLength(200)
  readonly provider: string;

  @IsString()
  @MinLength(1)
  @MaxLength(200)
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
  @ArrayNotEmpty()
  @ArrayMaxSize(1_000)
  @IsObject({ each: true })
  readonly messages: Record<string, unknown>[];

  @IsOptional()
  @IsString()
  @MaxLength(200)
  readonly model?: string;

  @IsOptional()
  @IsString()
  @MaxLength(200)
  readonly provider?: string;
}

export class RuntimeSettingsDto extends SessionIdDto {
  @IsObject()
  readonly runtimeSettings: Record<string, unknown>;
}

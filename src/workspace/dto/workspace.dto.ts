import { Transform } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { IsPath, IsSessionId } from '../../http/validation.js';

export const ITEM_TYPES = ['file', 'directory', 'all'] as const;

export class WorkspaceFilesDto {
  @IsSessionId()
  readonly sessionId: string;

  /** Path relative to the workspace, which is "." or "/" itself. Default: the workspace. */
  @IsOptional()
  @IsPath()
  readonly path?: string;

  /** "1" includes the content of a file. */
  @IsOptional()
  @IsIn(['1', 'true', '0', 'false'])
  readonly download?: '1' | 'true' | '0' | 'false';
}

export class WorkspaceSearchDto {
  @IsSessionId()
  readonly sessionId: string;

  /** A part of a name or path, or some of its characters in order. Default: the first entries. */
  @IsOptional()
  @IsString()
  @MaxLength(500)
  readonly q?: string;

  /** Default "all". */
  @IsOptional()
  @IsIn(ITEM_TYPES)
  readonly type?: (typeof ITEM_TYPES)[number];
}

/** Characters of a path that may be asked about: beyond those of any real one, which the answer says. */
const MAX_ASKED = 16_384;

export class ValidatePathsDto {
  @IsArray()
  @ArrayMaxSize(1_000)
  @IsString({ each: true })
  @MaxLength(MAX_ASKED, { each: true })
  readonly paths: string[];
}

export class RawFileDto {
  @IsSessionId()
  readonly sessionId: string;

  /** Path relative to the workspace. */
  @Transform(({ value }: { value: unknown }) => (Array.isArray(value) ? value.join('/') : value))
  @IsPath()
  readonly path: string;
}

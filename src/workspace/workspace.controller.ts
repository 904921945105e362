import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { Request as ExpressRequest, Response as ExpressResponse } from 'express';
import { Fails } from '../http/fails.js';
import { SessionIdDto } from '../sessions/index.js';
import { RawFileDto, ValidatePathsDto, WorkspaceFilesDto, WorkspaceSearchDto } from './dto/workspace.dto.js';
import { sendFile } from './send-file.js';
import { WorkspaceService } from './workspace.service.js';
import type { DirectoryDto, FileDto, PathCheckDto, WorkspaceItemDto } from './workspace.types.js';

/** The files that a session works with. */
@Controller('sessions/workspace')
@Fails('SESSION_NOT_FOUND', 'DATABASE_UNAVAILABLE')
export class WorkspaceController {
  constructor(private readonly workspace: WorkspaceService) {}

  /** A directory of the workspace with its entries, or a file, on request with its content. */
  @Get('files')
  @Fails('FILE_NOT_FOUND', 'PAYLOAD_TOO_LARGE')
  files(@Query() { sessionId, path, download }: WorkspaceFilesDto): Promise<DirectoryDto | FileDto> {
    return this.workspace.files(sessionId, path ?? '.', download === '1' || download === 'true');
  }

  /** Files and directories whose name or path fits, best first; `.gitignore` is respected. */
  @Get('search')
  @Fails('FILE_NOT_FOUND')
  async search(@Query() { sessionId, q, type }: WorkspaceSearchDto): Promise<{ items: WorkspaceItemDto[] }> {
    return { items: await this.workspace.search(sessionId, q ?? '', type ?? 'all') };
  }

  /** Whether each path exists, in the order of the paths. */
  @Post('validate')
  @HttpCode(200)
  async validate(
    @Query() { sessionId }: SessionIdDto,
    @Body() { paths }: ValidatePathsDto,
  ): Promise<{ results: PathCheckDto[] }> {
    return { results: await this.workspace.validate(sessionId, paths) };
  }

  /** A raw file for a browser: in a sandbox, without scripts. Ranges are supported. */
  @Get('raw/:sessionId/*path')
  @Fails('FILE_NOT_FOUND')
  async raw(
    @Param() { sessionId, path }: RawFileDto,
    @Req() req: ExpressRequest,
    @Res() res: ExpressResponse,
  ): Promise<void> {
    await sendFile(req, res, await this.workspace.open(sessionId, path));
  }
}

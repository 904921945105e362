import { Injectable } from '@nestjs/common';
import { basename, isAbsolute, join } from 'node:path';
import { DomainError } from '../common/errors.js';
import { cutText } from '../common/text.js';
import { FileNotFound, FileTooLarge, PathForbidden, WrongKindOfFile } from '../files/file-errors.js';
import { listDirectory } from '../files/list-directory.js';
import { openFile, type OpenFile, statInside } from '../files/jailed-files.js';
import { PathJail } from '../files/path-jail.js';
import { readUpTo, textOf } from '../files/text-file.js';
import { AppConfig } from '../config/index.js';
import { SessionsService } from '../sessions/index.js';
import { type ItemType, search } from './search.js';
import { NoFileThere } from './workspace.errors.js';
import type { DirectoryDto, FileDto, PathCheckDto, WorkspaceItemDto } from './workspace.types.js';

/** Maximum size of a file whose content is sent as JSON. */
const MAX_CONTENT_BYTES = 10 * 1024 * 1024;

/** The files of a session's workspace, as shown to clients. */
@Injectable()
export class WorkspaceService {
  constructor(
    private readonly sessions: SessionsService,
    private readonly config: AppConfig,
  ) {}

  /**
   * A directory with its entries, or a file, on request with its content.
   * @throws SessionNotFound, PathForbidden, FileNotFound; FileTooLarge if the content has more than 10 MB
   */
  async files(sessionId: string, path: string, withContent: boolean): Promise<DirectoryDto | FileDto> {
    const jail = await this.jailOf(sessionId);
    const { real, stats } = await at(jail, path);
    if (stats.isDirectory()) {
      const { entries, truncated, path: shown } = await listDirectory(jail, jail.show(real));
      return { type: 'directory', path: shown, files: entries, ...(truncated && { truncated }) };
    }
    const file = await openFile(jail, jail.show(real));
    try {
      const shown = jail.show(real);
      const { size, mtimeMs } = file.stats;
      return {
        type: 'file',
        name: basename(real),
        size,
        modified: Math.round(mtimeMs),
        path: shown,
        ...(withContent && (await this.content(sessionId, shown, file))),
      };
    } finally {
      await file.handle.close();
    }
  }

  /** Files and directories whose name or path fits, best first. @throws SessionNotFound */
  async search(sessionId: string, query: string, type: ItemType | 'all'): Promise<WorkspaceItemDto[]> {
    const { workspace } = await this.sessions.get(sessionId);
    const matches = await search(await PathJail.of(workspace, this.config.files), query, type);
    return matches.map((match) => ({
      name: match.name,
      path: join(workspace, match.path),
      type: match.type,
      relativePath: match.path,
    }));
  }

  /** Whether each path exists, in the order of the paths. @throws SessionNotFound */
  async validate(sessionId: string, paths: readonly string[]): Promise<PathCheckDto[]> {
    const jail = await this.jailOf(sessionId);
    const results: PathCheckDto[] = [];
    for (const path of paths) results.push(await check(jail, path));
    return results;
  }

  /** Opens a file for sending it raw. @throws SessionNotFound, PathForbidden, FileNotFound, also for a directory */
  async open(sessionId: string, path: string): Promise<OpenFile> {
    const jail = await this.jailOf(sessionId);
    try {
      return await openFile(jail, path);
    } catch (error) {
      if (!(error instanceof WrongKindOfFile)) throw error;
      throw new NoFileThere(error);
    }
  }

  private async jailOf(sessionId: string): Promise<PathJail> {
    const { workspace } = await this.sessions.get(sessionId);
    return PathJail.of(workspace, this.config.files);
  }

  private async content(sessionId: string, path: string, file: OpenFile): Promise<Partial<FileDto>> {
    const bytes = await readUpTo(file.handle, MAX_CONTENT_BYTES);
    if (!bytes) {
      const { publicPath, basePath } = this.config.server;
      const raw = [sessionId, ...path.split('/')].map(encodeURIComponent).join('/');
      throw new FileTooLarge(
        `"${cutText(path, 200)}" has ${file.stats.size} bytes, more than the ${MAX_CONTENT_BYTES} that come as JSON. ` +
          `Get it as it is: GET ${publicPath}${basePath}/sessions/workspace/raw/${raw}`,
      );
    }
    const text = textOf(bytes);
    return text === undefined
      ? { content: bytes.toString('base64'), encoding: 'base64' }
      : { content: text, encoding: 'utf8' };
  }
}

/**
 * Real path and stats of a client's path. Existing clients call the workspace `/`, and a file in it `/docs/a.md`: an
 * absolute path outside the workspace is read that way if there is such a file.
 */
async function at(jail: PathJail, path: string): ReturnType<typeof statInside> {
  if (!isAbsolute(path) || jail.holds(path)) return statInside(jail, path);
  try {
    return await statInside(jail, `.${path}`);
  } catch (error) {
    throw error instanceof FileNotFound ? new PathForbidden(path, 'it lies outside the workspace') : error;
  }
}

async function check(jail: PathJail, path: string): Promise<PathCheckDto> {
  try {
    const { stats } = await at(jail, path);
    if (stats.isDirectory()) return { path, exists: true, type: 'directory' };
    if (stats.isFile()) return { path, exists: true, type: 'file' };
    throw new WrongKindOfFile(path, 'no regular file');
  } catch (error) {
    if (error instanceof FileNotFound) return { path, exists: false };
    if (error instanceof DomainError) return { path, exists: false, error: error.message };
    return { path, exists: false, error: 'The server cannot look there.' };
  }
}

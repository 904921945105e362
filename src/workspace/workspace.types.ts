import type { Listed } from '../files/list-directory.js';
import type { ItemType } from './search.js';

/** A directory of the workspace. Paths are relative to the workspace, with `/`; the workspace itself is ".". */
export interface DirectoryDto {
  readonly type: 'directory';
  readonly path: string;
  /** Directories first, then by name. */
  readonly files: readonly Listed[];
  /** Set if the directory has more entries than listed. */
  readonly truncated?: true;
}

/** A file of the workspace. */
export interface FileDto {
  readonly type: 'file';
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number;
  /** Path relative to the workspace, with `/`. */
  readonly path: string;
  /** The content on request: text unchanged, other files in base64. */
  readonly content?: string;
  readonly encoding?: 'utf8' | 'base64';
}

export interface WorkspaceItemDto {
  readonly name: string;
  /** Absolute path. */
  readonly path: string;
  readonly type: ItemType;
  readonly relativePath: string;
}

export interface PathCheckDto {
  /** The path as sent. */
  readonly path: string;
  readonly exists: boolean;
  readonly type?: ItemType;
  /** Reason why the path could not be checked. */
  readonly error?: string;
}

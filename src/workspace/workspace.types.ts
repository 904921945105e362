import type { Listed } from '../files/list-directory.js';
import type { ItemType } from './search.js';

/** A directory of the workspace. Paths are relative to the workspace, with `/`; the workspace itself is ".". */
export interface DirectoryDto {
  readonly type: 'directory';
  readonly path: string;
  /** Directories first, then by name. */
  readonly files: readonly Listed[];
  /** Set when there is more in it than is listed. */
  readonly truncated?: true;
}

/** A file of the workspace. */
export interface FileDto {
  readonly type: 'file';
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number;
  /** Relative to the workspace, with `/`. */
  readonly path: string;
  /** Text as it stands; what is no text, in base64. Comes when it was asked for. */
  readonly content?: string;
  readonly encoding?: 'utf8' | 'base64';
}

export interface WorkspaceItemDto {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly type: ItemType;
  readonly relativePath: string;
}

export interface PathCheckDto {
  /** As it was sent. */
  readonly path: string;
  readonly exists: boolean;
  readonly type?: ItemType;
  /** Why it cannot be looked at. */
  readonly error?: string;
}

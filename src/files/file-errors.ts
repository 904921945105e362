import { DomainError, InvalidInput } from '../common/errors.js';
import { cutText } from '../common/text.js';

const shorten = (path: string): string => (path.length > 200 ? `${cutText(path, 200)}…` : path);

/** A path that leaves the workspace, or leads to something hidden. */
export class PathForbidden extends DomainError {
  constructor(path: string, reason: string) {
    super('FORBIDDEN', `"${shorten(path)}" cannot be used: ${reason}.`);
  }
}

/** The directory itself is gone. */
export class WorkspaceGone extends DomainError {
  constructor() {
    super('FILE_NOT_FOUND', 'The workspace directory of this session does not exist.');
  }
}

export class FileNotFound extends DomainError {
  constructor(path: string) {
    super('FILE_NOT_FOUND', `There is no "${shorten(path)}" in the workspace.`);
  }
}

/** A path of the wrong type, such as a directory instead of a file. */
export class WrongKindOfFile extends InvalidInput {
  constructor(path: string, what: 'a directory' | 'no directory' | 'no regular file' | 'no text file') {
    super(`"${shorten(path)}" is ${what}.`);
  }
}

export class FileTooLarge extends DomainError {
  constructor(message: string) {
    super('PAYLOAD_TOO_LARGE', message);
  }
}

/** A domain error for the file system's error, without the absolute path in the latter's message. */
export function explainFileError(path: string, error: unknown): unknown {
  switch ((error as NodeJS.ErrnoException | null)?.code) {
    case 'ENOENT':
      return new FileNotFound(path);
    case 'ENOTDIR':
    case 'EEXIST':
      return new WrongKindOfFile(path, 'no directory');
    case 'EISDIR':
      return new WrongKindOfFile(path, 'a directory');
    case 'ENXIO':
      return new WrongKindOfFile(path, 'no regular file');
    case 'ELOOP':
      return new PathForbidden(path, 'it was changed while it was opened');
    case 'ENAMETOOLONG':
      return new PathForbidden(path, 'it is too long');
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new PathForbidden(path, 'the server has no right to it');
    default:
      return error;
  }
}

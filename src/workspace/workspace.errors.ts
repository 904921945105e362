import { DomainError } from '../common/errors.js';
import type { WrongKindOfFile } from '../files/file-errors.js';

/** There is something at the path, but no file that could be sent. */
export class NoFileThere extends DomainError {
  constructor({ message }: WrongKindOfFile) {
    super('FILE_NOT_FOUND', `${message} Only files can be read here.`);
  }
}

/** A page would run the file, or apply it to itself. */
export class FileNotRun extends DomainError {
  constructor() {
    super('FORBIDDEN', 'Files of the workspace are shown, but never run by a page.');
  }
}

import { DatabaseUnavailable } from '../database.errors.js';

// Result codes of SQLite: https://www.sqlite.org/rescode.html
const UNAVAILABLE = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY|CANTOPEN)/;
const BUSY = /^SQLITE_BUSY/;

/** Whether a driver says that another process holds the lock. */
export function isBusy(error: unknown): boolean {
  return BUSY.test(codeOf(error) ?? '');
}

/** Whether a statement may succeed later, unchanged: the database is unavailable, not the statement wrong. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof DatabaseUnavailable || UNAVAILABLE.test(codeOf(error) ?? '');
}

/** Maps a driver's error to the error of every database; any other error stays as it is. */
export function toDatabaseError(error: unknown): Error {
  if (error instanceof DatabaseUnavailable || !isUnavailable(error)) return error as Error;
  return Object.assign(new DatabaseUnavailable(), { cause: error });
}

/** TypeORM wraps what a driver throws. */
function codeOf(error: unknown): string | undefined {
  const { code, driverError } = Object(error) as { code?: unknown; driverError?: { code?: unknown } };
  if (typeof code === 'string') return code;
  return typeof driverError?.code === 'string' ? driverError.code : undefined;
}

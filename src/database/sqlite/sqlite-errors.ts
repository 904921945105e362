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

const REMEDIES: readonly (readonly [code: RegExp, remedy: string])[] = [
  [/^SQLITE_FULL/, 'the disk is full. Free some of it.'],
  [/^SQLITE_READONLY/, "it is read-only. Let this server's user write to its file and its directory."],
  [/^SQLITE_(BUSY|LOCKED)/, 'another process holds its lock. End that process, or wait for it.'],
  [
    /^SQLITE_(IOERR|CANTOPEN)/,
    'its disk refuses to. Look at its free space, its quota, and whether it fails.',
  ],
];

/** Error of a database that takes no write, with the reason and what to do. */
export function notWritable(error: unknown): DatabaseUnavailable {
  const cause = (error instanceof DatabaseUnavailable && error.cause) || error;
  const code = codeOf(cause) ?? '';
  const remedy = REMEDIES.find(([pattern]) => pattern.test(code))?.[1];
  const why = remedy ?? "it does not take a write. Look at the disk, and at this server's log.";
  return Object.assign(new DatabaseUnavailable(`The database cannot be written: ${why}`), { cause });
}

/** TypeORM wraps what a driver throws. */
function codeOf(error: unknown): string | undefined {
  const { code, driverError } = Object(error) as { code?: unknown; driverError?: { code?: unknown } };
  if (typeof code === 'string') return code;
  return typeof driverError?.code === 'string' ? driverError.code : undefined;
}

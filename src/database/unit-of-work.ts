import type { Type } from '@nestjs/common';
import type { FindManyOptions, FindOptionsWhere, ObjectLiteral } from 'typeorm';

/** A statement that the compiler knows to be a SELECT, which writes nothing. */
export type Select = `SELECT ${string}`;

/** Read access to the database: committed rows, and inside a transaction its own too. */
export interface Reader {
  /**
   * Runs one SELECT and answers its rows, as the driver gives them. For the hot paths: the database takes the
   * connection that has the newest pages at hand, which may be the one that writes.
   */
  select<Row>(sql: Select, values?: readonly unknown[]): Promise<Row[]>;
  /** Runs one query and answers its rows, as the driver gives them. Outside a transaction it can write nothing. */
  query<Row>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Finds entities. Their columns come with their types on every database. */
  find<Entity extends ObjectLiteral>(
    entity: Type<Entity>,
    options?: FindManyOptions<Entity>,
  ): Promise<Entity[]>;
}

/** Access of a piece of work to its transaction. */
export interface Transaction extends Reader {
  /** Runs one statement and returns the number of rows that it changed. For the hot paths. */
  execute(sql: string, values?: readonly unknown[]): Promise<number>;
  /** Adds a row. */
  insert<Entity extends ObjectLiteral>(entity: Type<Entity>, row: Entity): Promise<void>;
  /** Sets the columns in `changes`, in the rows that match `where`. */
  update<Entity extends ObjectLiteral>(
    entity: Type<Entity>,
    where: FindOptionsWhere<Entity>,
    changes: Partial<Entity>,
  ): Promise<void>;
  /** Runs, in the order of registration, once the commit is on disk; never if it was rolled back. */
  afterCommit(hook: () => void): void;
}

/** Called with the reason each time a durable write is refused. */
export type Delayed = (reason: unknown) => void;

/**
 * The one way to the database. Writes are transactions that run one after another; writes that wait together share a
 * commit, and each takes back its own rows when it throws.
 *
 * Never await a model, a tool or a socket inside a piece of work, and never call `write` from inside one.
 */
export abstract class UnitOfWork {
  /**
   * Runs `work` in a transaction and resolves when it is committed.
   * Rejects with what `work` threw, or with the reason why the commit failed; then nothing was stored. Only
   * CommitInDoubt leaves that open; the hooks of such a commit run when the disk has confirmed it after all.
   */
  abstract write<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;

  /**
   * Like `write`, for durable work: while the database is locked or cannot be written (a full disk), the work is kept
   * and tried again, in order, until {@link stopRetrying}. Rejects with what `work` threw.
   * @param work may run several times; only the last run counts
   */
  abstract persist<T>(work: (tx: Transaction) => Promise<T>, delayed: Delayed): Promise<T>;

  /**
   * Runs one DELETE in a transaction of its own, so that nothing of the rows stays in the database's files; off the
   * event loop, however many rows there are. Resolves when it is committed, with the number of rows that it deleted.
   * @param trace a text that stands in each of these rows and of those that go with them, and in no other
   */
  abstract erase(sql: `DELETE ${string}`, values: readonly unknown[], trace: string): Promise<number>;

  /**
   * Writes to the disk, and changes nothing.
   * @throws DatabaseUnavailable saying why nothing can be written, and what to do
   */
  abstract probe(): Promise<void>;

  /** Runs reads that see committed rows only. */
  abstract read<T>(work: (reader: Reader) => Promise<T>): Promise<T>;

  /** Resolves when all writes so far are done. */
  abstract idle(): Promise<void>;

  /** Refuses for good what cannot be written from now on: the server stops. */
  abstract stopRetrying(): void;

  /** Whether {@link stopRetrying} was called. */
  abstract get isStopping(): boolean;

  /** Waits for the last write, and closes the database. */
  abstract close(): Promise<void>;
}

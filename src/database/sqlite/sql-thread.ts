import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

// Source of the thread, without other code of the server: a file would have to be found from the source and from the
// build.
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const Database = require(workerData.module);
const database = new Database(workerData.file);
for (const pragma of workerData.pragmas) database.pragma(pragma);
function run({ sql, values }) {
  if (values.length > 0) return { rows: [], changes: database.prepare(sql).run(...values).changes };
  const prepared = database.prepare(sql);
  if (prepared.reader) return { rows: prepared.all(), changes: 0 };
  database.exec(sql); // unlike run(), to the end: PRAGMA incremental_vacuum frees one page a step
  return { rows: [], changes: 0 };
}
parentPort.on('message', (statement) => {
  if (!statement) {
    database.close();
    parentPort.close();
    return;
  }
  try {
    parentPort.postMessage(run(statement));
  } catch (error) {
    parentPort.postMessage({ problem: String(error && error.message), code: error && error.code });
  }
});
`;

/** Result of a statement. */
export interface StatementResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Rows that it changed; 0 for a statement without values. */
  readonly changes: number;
}

interface Answer extends StatementResult {
  readonly problem?: string;
  readonly code?: unknown;
}

/** No thread can be started, or it has ended: in a container with few processes, for instance. */
export class ThreadUnavailable extends Error {
  override readonly name = 'ThreadUnavailable';
}

interface Waiting {
  readonly resolve: (result: StatementResult) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A connection of a synchronous driver in a thread of its own, for statements that would block the event loop. Each
 * statement is a transaction of its own. The thread is started by the first one, and does not keep the process alive.
 */
export class SqlThread {
  private readonly module: string;
  private readonly waiting: Waiting[] = [];
  private thread: Worker | undefined;
  private ended = Promise.resolve();

  /**
   * @param driver the name of a package with the interface of better-sqlite3
   * @param file the database file
   * @param pragmas set when the connection is opened
   */
  constructor(
    driver: string,
    private readonly file: string,
    private readonly pragmas: readonly string[] = [],
  ) {
    this.module = createRequire(import.meta.url).resolve(driver);
  }

  /** @throws the driver's error, with its code; ThreadUnavailable */
  async run(sql: string, values: readonly unknown[] = []): Promise<StatementResult> {
    const thread = (this.thread ??= this.start());
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      thread.ref();
      thread.postMessage({ sql, values });
    });
  }

  /** Closes the connection after the statements so far. */
  async close(): Promise<void> {
    this.thread?.ref();
    this.thread?.postMessage(null);
    await this.ended;
  }

  private start(): Worker {
    const { module, file, pragmas } = this;
    const thread = startWorker({ module, file, pragmas });
    let failure: unknown = 'the thread has ended';
    this.ended = new Promise((resolve) => {
      thread.on('exit', () => {
        this.thread = undefined;
        for (const { reject } of this.waiting.splice(0)) reject(new ThreadUnavailable(String(failure)));
        resolve();
      });
    });
    thread.on('error', (error) => (failure = error));
    thread.on('message', (answer: Answer) => this.settle(thread, answer));
    return thread;
  }

  private settle(thread: Worker, { problem, code, ...result }: Answer): void {
    const next = this.waiting.shift();
    if (this.waiting.length === 0) thread.unref();
    if (problem === undefined) next?.resolve(result);
    else next?.reject(Object.assign(new Error(problem), { code }));
  }
}

function startWorker(workerData: object): Worker {
  try {
    return new Worker(THREAD, {
      eval: true,
      execArgv: [],
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
    });
  } catch (error) {
    throw new ThreadUnavailable(String(error));
  }
}

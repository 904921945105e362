import type { EventDraft, QueryContent } from '../events/index.js';

/** Reads the context of a query before its agent begins: the files that the query refers to, for instance. */
export abstract class RunPreparation {
  /**
   * Context of the query, as one event of its run; undefined when there is none.
   * @param workspace the directory that the query's paths lie in
   * @throws the signal's reason, once it has aborted
   */
  abstract contextOf(
    workspace: string,
    content: QueryContent,
    signal: AbortSignal,
  ): Promise<EventDraft | undefined>;
}

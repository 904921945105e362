import type { EventDraft, QueryContent } from '../events/index.js';

/** What has to be read before an agent begins with a query; the files that it refers to, for instance. */
export abstract class RunPreparation {
  /**
   * What the query brings along, as one event of its run; undefined when it brings nothing.
   * @param workspace the directory that the query's paths lie in
   * @throws the signal's reason, once it has aborted
   */
  abstract contextOf(
    workspace: string,
    content: QueryContent,
    signal: AbortSignal,
  ): Promise<EventDraft | undefined>;
}

import { Injectable } from '@nestjs/common';
import type { Part } from '../http/answers.js';
import { EventLog, EventPages, type EventRange, type EventRow, EventsGone } from '../events/index.js';

/** Stored events as the JSON text of a list, for they are sent as they were stored. */
@Injectable()
export class EventLists {
  constructor(
    private readonly pages: EventPages,
    private readonly log: EventLog,
  ) {}

  /**
   * The events of the range, separated by commas, in parts of bounded size.
   * @param limit at most so many. Default: all
   * @returns whether there are more in the range
   * @throws EventsGone when the session is deleted meanwhile
   */
  async *list(
    sessionId: string,
    range: EventRange & { readonly upTo: number },
    limit = Infinity,
  ): AsyncGenerator<Part, boolean, void> {
    let left = limit;
    let after = range.after ?? 0;
    for (let isFirst = true; ; isFirst = false) {
      const page = await this.pages.page(sessionId, { ...range, after }, left + 1);
      const rows = page.slice(0, left);
      yield* this.textOf(sessionId, rows, isFirst);
      const last = rows.at(-1);
      if (page.length > rows.length) return true;
      if (last?.seq === range.upTo) return false;
      if (!last || !this.pages.isFull(page)) break;
      left -= rows.length;
      after = last.seq;
    }
    if ((await this.log.lastSeq(sessionId)) < range.upTo) throw new EventsGone();
    return false;
  }

  /** The short ones joined, the long ones by themselves. */
  private async *textOf(
    sessionId: string,
    rows: readonly EventRow[],
    isFirst: boolean,
  ): AsyncGenerator<Part, void, void> {
    let text = '';
    for (const [i, row] of rows.entries()) {
      if (i > 0 || !isFirst) text += ',';
      if (row.data !== null) {
        text += row.data;
        continue;
      }
      yield text;
      text = '';
      yield* this.pages.slices(sessionId, row);
    }
    yield text;
  }
}

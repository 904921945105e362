import { newId } from '../common/ids.js';

/** A longer one is no id that a provider gives. */
const MAX_ID = 200;

/**
 * The ids of a session's tool calls, each of them one call's alone: results are matched to calls by them, by clients and
 * by the next request. A provider's own id is kept where it can be, for its provider may look it up.
 */
export class CallIds {
  private readonly used: Set<string>;

  /**
   * @param used those of earlier calls of the session
   * @param complete whether `used` is all of them; if not, no given id is known to be free
   * @param masked hides secrets: an id that holds one is not kept
   */
  constructor(
    used: Iterable<string>,
    private readonly complete: boolean,
    private readonly masked: (text: string) => string,
  ) {
    this.used = new Set(used);
  }

  /** An id for one more call: the given one, or one of our own. */
  take(given: string): string {
    const id = this.complete && this.canBeKept(given) ? given : newId();
    this.used.add(id);
    return id;
  }

  private canBeKept(id: string): boolean {
    return isUsableId(id) && !this.used.has(id) && this.masked(id) === id;
  }
}

/** Whether a provider's id can be one of ours: printable, and of a bounded length. */
export function isUsableId(id: unknown): id is string {
  return typeof id === 'string' && id.length <= MAX_ID && /^[\x21-\x7e]+$/.test(id);
}

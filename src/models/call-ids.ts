import { newId } from '../common/ids.js';

/** Maximum length of a provider's id; real ones are shorter. */
const MAX_ID = 200;

/**
 * The ids of a session's tool calls, each unique: clients and the next request match results to calls by id. A
 * provider's own id is kept if possible, because the provider may look it up.
 */
export class CallIds {
  private readonly used: Set<string>;

  /**
   * @param used ids of the session's earlier calls
   * @param complete whether `used` has all earlier ids; if not, no given id is known to be free
   * @param masked masks secrets: an id that holds a secret is not kept
   */
  constructor(
    used: Iterable<string>,
    private readonly complete: boolean,
    private readonly masked: (text: string) => string,
  ) {
    this.used = new Set(used);
  }

  /** An id for a new call: the given id, or one of our own. */
  take(given: string): string {
    const id = this.complete && this.canBeKept(given) ? given : newId();
    this.used.add(id);
    return id;
  }

  private canBeKept(id: string): boolean {
    return isUsableId(id) && !this.used.has(id) && this.masked(id) === id;
  }
}

/** Whether a provider's id can be kept: printable, and of bounded length. */
export function isUsableId(id: unknown): id is string {
  return typeof id === 'string' && id.length <= MAX_ID && /^[\x21-\x7e]+$/.test(id);
}

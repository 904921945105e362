/** Status codes of a request that a service finds wrong. */
const BAD_REQUEST = new Set([400, 422]);

/** How services say that they do not know a field. One of a known field with a bad value says something else. */
const UNKNOWN =
  /extra.?(?:input|forbidden|field)|not (?:be )?(?:permitted|supported|allowed|recogni[sz]ed)|un(?:supported|known|recogni[sz]ed|expected)|does ?n[o']t support|additional propert/i;

/** Fields of a request that not every service knows; what one refuses is left out of the later requests. */
export class OptionalFields {
  /** Whether to ask for the usage at the end of a stream. */
  usage = true;
  /** Name of the limit of the answer's length; undefined if there is none. */
  limit: 'max_tokens' | 'max_completion_tokens' | undefined = 'max_tokens';

  /**
   * Leaves out what a service refused as unknown, or calls it by its other name.
   * @param reason body of its answer
   * @returns whether anything has changed: then the request can be sent again
   */
  adapt(status: number, reason: string): boolean {
    if (!BAD_REQUEST.has(status) || !UNKNOWN.test(reason)) return false;
    if (this.usage && reason.includes('stream_options')) {
      this.usage = false;
      return true;
    }
    if (!this.limit || !new RegExp(`\\b${this.limit}\\b`).test(reason)) return false;
    this.limit = this.limit === 'max_tokens' ? 'max_completion_tokens' : undefined;
    return true;
  }
}

/** Status codes of a request that a service finds wrong. */
const BAD_REQUEST = new Set([400, 422]);

/** How services say that they do not know a field. One of a known field with a bad value says something else. */
const UNKNOWN =
  /extra.?(?:input|forbidden|field)|not (?:be )?(?:permitted|supported|allowed|recogni[sz]ed)|un(?:supported|known|recogni[sz]ed|expected)|does ?n[o']t support|additional propert/i;

/** Fields of a request that not every service knows. */
export interface OptionalFields {
  /** Whether to ask for the usage at the end of a stream. */
  readonly usage: boolean;
  /** Name of the limit of the answer's length; undefined if there is none. */
  readonly limit: 'max_tokens' | 'max_completion_tokens' | undefined;
}

/** Fields of OpenAI's own service. */
export const ALL_FIELDS: OptionalFields = { usage: true, limit: 'max_tokens' };

/**
 * The fields without one that a service has refused as unknown, or with its other name.
 * @param reason body of the service's answer
 * @returns undefined if the service refused something else
 */
export function withoutRefused(
  { usage, limit }: OptionalFields,
  status: number,
  reason: string,
): OptionalFields | undefined {
  if (!BAD_REQUEST.has(status) || !UNKNOWN.test(reason)) return undefined;
  if (usage && reason.includes('stream_options')) return { usage: false, limit };
  if (!limit || !new RegExp(`\\b${limit}\\b`).test(reason)) return undefined;
  return { usage, limit: limit === 'max_tokens' ? 'max_completion_tokens' : undefined };
}

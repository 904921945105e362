import { cutText } from '../common/text.js';
import type { ProviderError } from './error-body.js';

/**
 * Meaning of an error for the caller: a refused key, an account without money, a limited rate, a failure that may
 * pass, or one that stays until the request or the configuration is another.
 */
export type ErrorKind = 'key' | 'money' | 'rate' | 'passing' | 'lasting';

/** Kinds by the codes, types and statuses of providers, in lower case. The first rule that fits decides. */
const BY_CODE: readonly (readonly [ErrorKind, RegExp])[] = [
  ['money', /^(402|insufficient_(quota|balance|credits?|funds)|billing\w*|payment_required|arrearage)$/],
  ['money', /^(exceeded_current_quota_error|1113|1008)$/], // Moonshot, Zhipu, MiniMax
  ['key', /^(401|api_?key_?invalid|invalid_?api_?key|authentication_?error|unauthenticated|unauthorized)$/],
  ['key', /^(invalid_authentication\w*|invalid_token|unrecognizedclientexception)$/],
  ['rate', /^(429|rate_?limit\w*|resource_exhausted|too_?many_?requests\w*|throttling\w*)$/],
  ['passing', /^(overloaded\w*|server_?error|api_error|timeout\w*|internal\w*|(service_?)?unavailable\w*)$/],
  ['lasting', /^(bad_?request\w*|invalid_\w+|permission_\w+|not_?found\w*|\w+_not_found|unsupported_\w+)$/],
  ['lasting', /^(request_too_large|context_length_exceeded|failed_precondition|content_(policy|filter)\w*)$/],
];

const WITHOUT =
  'invalid|incorrect|missing|wrong|expired|unknown|revoked|malformed|no|not valid|not found|required';
const CREDENTIAL = 'api[ _-]?key|api token|x-api-key|access[ _]token|credentials?|subscription key';
const KEY = new RegExp(
  `\\b(${WITHOUT})\\b.{0,20}\\b(${CREDENTIAL})\\b|\\b(${CREDENTIAL})\\b.{0,40}\\b(${WITHOUT})\\b`,
  'i',
);
const MONEY =
  /insufficient[ _](quota|balance|credit|funds)|credit balance|balance is (too low|not enough)|(out of|no|not enough|more) (credits?|funds|money)\b|billing (hard )?limit|payment required/i;
/** Words of a 403 that has nothing to do with the key: a region, a filter, a firewall in between. */
const NOT_THE_KEY = /region|country|territory|location|moderation|flagged|content polic|safety|HTML page/i;

/** Characters of a reason that are searched for words. */
const MAX_SEARCHED = 1_000;

/**
 * The kind of an error.
 * @param status of the answer, or the one that the error names; undefined when there is none
 * @param inStream whether the error came within an answer of status 200: its codes then say more than its status
 */
export function kindOf(status: number | undefined, error: ProviderError, inStream: boolean): ErrorKind {
  const byCode = BY_CODE.find(([, pattern]) => error.codes.some((code) => pattern.test(code)))?.[0];
  if (byCode === 'money' || byCode === 'key') return byCode;
  if (!inStream && status !== undefined && status >= 500) return byStatus(status);
  const reason = cutText(error.reason ?? '', MAX_SEARCHED);
  if (status === 402 || MONEY.test(reason)) return 'money';
  if (status === 401 || (mayMeanKey(status, inStream) && KEY.test(reason))) return 'key';
  if (status === 403 && !NOT_THE_KEY.test(reason)) return 'key';
  if (byCode && (inStream || byCode !== 'passing')) return byCode;
  return byStatus(status);
}

const mayMeanKey = (status: number | undefined, inStream: boolean): boolean =>
  inStream || status === 400 || status === 403;

function byStatus(status: number | undefined): ErrorKind {
  if (status === 429) return 'rate';
  if (status === undefined || status === 408) return 'passing';
  return status >= 500 && status !== 501 && status !== 505 ? 'passing' : 'lasting';
}

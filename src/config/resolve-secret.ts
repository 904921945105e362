import { Secret } from '../common/secret.js';

export type Env = Readonly<Record<string, string | undefined>>;

/** Words that guides give as the key of a server that needs none; `EMPTY` is vLLM's. */
const NO_KEY = /^(EMPTY|NONE|DUMMY|UNUSED|NOT_NEEDED)$/;

/** Whether a given key or token is the name of an environment variable. */
export function namesVariable(given: string): boolean {
  return /^[A-Z][A-Z0-9_]*$/.test(given) && !NO_KEY.test(given);
}

/** A variable's name for a message; a long word without `_` is masked, being more likely a key. */
export function shownVariable(name: string): string {
  return /^[A-Z0-9]{16,}$/.test(name) ? '***' : name;
}

/**
 * A key or a token; in ALL_CAPS it names an environment variable.
 * @param problems gets one line if that variable is not set
 */
export function resolveSecret(
  key: string,
  given: string | undefined,
  env: Env,
  problems: string[],
): Secret | undefined {
  if (!given) return undefined;
  if (!namesVariable(given)) return new Secret(given);
  const value = env[given];
  if (value) return new Secret(value);
  const what = key.endsWith('token') ? 'token' : 'key';
  problems.push(
    `${key} names the environment variable ${shownVariable(given)}, which is not set: set it, or give the ${what} itself.`,
  );
  return undefined;
}

import { Secret } from '../common/secret.js';

export type Env = Readonly<Record<string, string | undefined>>;

/** Whether a key or a token is given as the name of the environment variable that holds it. */
export function namesVariable(given: string): boolean {
  return /^[A-Z][A-Z0-9_]*$/.test(given);
}

/** The name of a variable as a message may show it: a long word without `_` is more likely a key than a name. */
export function shownVariable(name: string): string {
  return /^[A-Z0-9]{16,}$/.test(name) ? '***' : name;
}

/**
 * A key or a token; in ALL_CAPS it names an environment variable.
 * @param problems is added one line to when that variable is not set
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

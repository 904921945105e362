import { Secret } from '../common/secret.js';

export type Env = Readonly<Record<string, string | undefined>>;

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
  if (!/^[A-Z][A-Z0-9_]*$/.test(given)) return new Secret(given);
  const value = env[given];
  if (value) return new Secret(value);
  // A long word without `_` is more likely a key than the name of one: it is not printed.
  const name = /^[A-Z0-9]{16,}$/.test(given) ? '***' : given;
  const what = key.endsWith('token') ? 'token' : 'key';
  problems.push(
    `${key} names the environment variable ${name}, which is not set: set it, or give the ${what} itself.`,
  );
  return undefined;
}

import type { ServerConfig } from './app-config.js';
import { InvalidConfig } from './invalid-config.js';
import { type Env, resolveSecret } from './resolve-secret.js';
import type { ServerSettings } from './server.schema.js';

const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];
const MIN_LENGTH = 16;
/** Characters that a header can carry. */
const CHARACTERS = /^[\x21-\x7e]*$/;

/** Whether a listening address is reached from this machine only. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.includes(host.toLowerCase());
}

/**
 * Whether tokens are required, and the configured one. Beyond loopback, tokens are required unless the user sets
 * `insecureNoAuth`.
 * @throws InvalidConfig
 */
export function resolveAuth(
  { auth, host, insecureNoAuth }: Pick<ServerSettings, 'auth' | 'host' | 'insecureNoAuth'>,
  env: Env,
): ServerConfig['auth'] {
  if (auth === undefined) {
    if (insecureNoAuth || isLoopback(host)) return undefined;
    throw new InvalidConfig([
      `server.host is ${JSON.stringify(host)}, where others reach this server, so it must ask for a token: use --auth or server.auth.token, or let everybody in with --insecure-no-auth (server.insecureNoAuth).`,
    ]);
  }
  const problems: string[] = [];
  // Unlike `apiKey`, the token of a file found in the working directory may name any variable: the token is compared
  // and never sent, and the file's author could as well write a token of their own into it.
  const token = auth === true ? undefined : resolveSecret('server.auth.token', auth.token, env, problems);
  if (token && !isUsable(token.reveal())) {
    problems.push(
      `server.auth.token is ***, but must be at least ${MIN_LENGTH} letters, digits and signs, without a space.`,
    );
  }
  if (problems.length > 0) throw new InvalidConfig(problems);
  return { ...(token && { token }) };
}

function isUsable(token: string): boolean {
  return token.length >= MIN_LENGTH && CHARACTERS.test(token);
}

import { randomBytes } from 'node:crypto';
import { createToken } from '../auth/token-commands.js';
import { runCommand } from './explain.js';
import { dataDirOf, expiryOf, scopesOf, showToken, type TokenFlags } from './token-options.js';

export interface CreateFlags extends TokenFlags {
  name?: string;
  scope?: string;
  expires?: string;
}

/** `agent-tars token create`: only the token goes to standard output, so that a script can read it. */
export function create({ name, scope = 'query', expires = 'never', ...flags }: CreateFlags): Promise<void> {
  return runCommand(async () => {
    const { token, entry } = await createToken(await dataDirOf(flags), {
      name: name ?? `token-${randomBytes(3).toString('hex')}`,
      scopes: scopesOf(scope),
      expiresAt: expiryOf(expires),
    });
    console.log(token);
    console.error(`This is the token ${showToken(entry)}. It is shown this once.`);
  });
}

import { revokeTokens } from '../auth/token-commands.js';
import { runCommand } from './explain.js';
import { dataDirOf, showToken, type TokenFlags } from './token-options.js';

/** `agent-tars token revoke`: whoever came in by the token is cut off, by a running server too. */
export function revoke(idOrName: string, flags: TokenFlags): Promise<void> {
  return runCommand(async () => {
    const revoked = await revokeTokens(await dataDirOf(flags), idOrName);
    for (const entry of revoked) console.log(`Revoked ${showToken(entry)}.`);
  });
}

import { revokeTokens } from '../auth/token-commands.js';
import { runCommand } from './explain.js';
import { dataDirOf, showToken, type TokenFlags } from './token-options.js';

/** `agent-tars token revoke`: ends a token; a running server also disconnects its clients. */
export function revoke(idOrName: string, flags: TokenFlags): Promise<void> {
  return runCommand(async () => {
    const revoked = await revokeTokens(await dataDirOf(flags), idOrName);
    for (const entry of revoked) console.log(`Revoked ${showToken(entry)}.`);
  });
}

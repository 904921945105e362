import { rotateToken } from '../auth/token-commands.js';
import { runCommand } from './explain.js';
import { dataDirOf, expiryOf, showToken, type TokenFlags } from './token-options.js';

export interface RotateFlags extends TokenFlags {
  expires?: string;
}

/** `agent-tars token rotate`: gives an entry a new token, printed as by `create`. */
export function rotate(idOrName: string, { expires, ...flags }: RotateFlags): Promise<void> {
  return runCommand(async () => {
    const expiresAt = expires === undefined ? undefined : expiryOf(expires);
    const { token, entry } = await rotateToken(await dataDirOf(flags), idOrName, expiresAt);
    console.log(token);
    console.error(
      `This is now the token ${showToken(entry)}; the one before has ended. It is shown this once.`,
    );
  });
}

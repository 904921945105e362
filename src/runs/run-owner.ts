import { randomBytes } from 'node:crypto';
import { isProcessAlive, processIdentity } from '../files/process-identity.js';

/** The servers of this process: several may share it, and their process id says nothing of which one lives. */
const living = new Set<string>();

/** Names one running server as the owner of its runs: its process, and a number of its own. */
export function claimOwnerId(): string {
  const owner = `${processIdentity()}.${randomBytes(6).toString('hex')}`;
  living.add(owner);
  return owner;
}

export function releaseOwnerId(owner: string): void {
  living.delete(owner);
}

/** Whether the server that owns a run may still be running it, here or in another process of this machine. */
export function isOwnerAlive(owner: string | null): boolean {
  if (owner === null) return false;
  if (living.has(owner)) return true;
  return !owner.startsWith(`${process.pid}.`) && isProcessAlive(owner);
}

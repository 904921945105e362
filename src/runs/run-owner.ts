import { randomBytes } from 'node:crypto';
import { isProcessAlive, processIdentity } from '../files/process-identity.js';

/** Live servers of this process: several may share its process id, which cannot tell which one lives. */
const living = new Set<string>();

/** Claims an owner id for one running server: the identity of its process, and a random suffix. */
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

import type { MigrationInterface } from 'typeorm';
import { InitialSchema1763769600000 } from './1763769600000-initial-schema.js';
import { NextOfQueue1795900000000 } from './1795900000000-next-of-queue.js';
import { OrderOfChanges1796000000000 } from './1796000000000-order-of-changes.js';
import { SessionKeys1796010000000 } from './1796010000000-session-keys.js';
import { ModelRecords1796000100000 } from './1796000100000-model-records.js';
import { AbortRequests1796020000000 } from './1796020000000-abort-requests.js';

export type MigrationClass = new () => MigrationInterface;

/** In the order in which they run. A migration that has been released is never changed. */
export const migrations: readonly MigrationClass[] = [
  InitialSchema1763769600000,
  NextOfQueue1795900000000,
  OrderOfChanges1796000000000,
  SessionKeys1796010000000,
  ModelRecords1796000100000,
  AbortRequests1796020000000,
];

import { InitialSchema1763769600000 } from './1763769600000-initial-schema.js';

/** In the order in which they run. A migration that has been released is never changed. */
export const migrations = [InitialSchema1763769600000];

// Loaded into a server before all else (NODE_OPTIONS=--import): no thread can be started, as in a container whose
// number of processes is used up.
import { syncBuiltinESMExports } from 'node:module';
import threads from 'node:worker_threads';

threads.Worker = class {
  constructor() {
    throw Object.assign(new Error('Worker initialization failure: EAGAIN'), {
      code: 'ERR_WORKER_INIT_FAILED',
    });
  }
};
syncBuiltinESMExports();

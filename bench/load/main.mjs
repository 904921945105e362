// The load generator: a process of its own, told what to do over IPC, one job at a time.
import { abortRuns } from './aborts.mjs';
import { createSessions, sendRequests } from './requests.mjs';
import { runStreams } from './streams.mjs';
import { follow, unfollow } from './watchers.mjs';

const jobs = { createSessions, sendRequests, runStreams, follow, unfollow, abortRuns };

process.on('message', async ({ job, options }) => {
  try {
    process.send({ result: (await jobs[job](options)) ?? null });
  } catch (error) {
    process.send({ error: error.stack });
  }
});
process.on('disconnect', () => process.exit());

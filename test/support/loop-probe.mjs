// Preloaded into a server's process: notes its event loop's longest wait and its memory, and tells them over IPC-free
// HTTP on a port of its own, from a thread of its own, so that it answers while the event loop is blocked.
import { readFileSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const TICK_MS = 5;

/** Nanoseconds that the main thread was on a processor: a busy machine makes it wait, and that is not its fault. */
function ownTime() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    return Number(process.hrtime.bigint());
  }
}

function watchLoop() {
  const longest = new Float64Array(new SharedArrayBuffer(8));
  let before = ownTime();
  setInterval(() => {
    const now = ownTime();
    longest[0] = Math.max(longest[0], (now - before) / 1e6 - TICK_MS);
    before = now;
  }, TICK_MS).unref();
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { loopProbe: { longest, file: process.env['LOOP_PROBE_FILE'] } },
    execArgv: [],
  });
  worker.unref();
}

async function tell({ longest, file }) {
  const { createServer } = await import('node:http');
  const { renameSync, writeFileSync } = await import('node:fs');
  const server = createServer((req, res) => {
    if (req.url === '/reset') longest[0] = 0;
    const status = readFileSync('/proc/self/status', 'utf8');
    const kilobytes = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
    if (req.url === '/reset') resetPeak();
    res.end(
      JSON.stringify({
        longestWaitMs: longest[0],
        memoryMB: kilobytes('VmRSS') / 1024,
        peakMemoryMB: kilobytes('VmHWM') / 1024,
      }),
    );
  });
  const resetPeak = () => {
    try {
      writeFileSync('/proc/self/clear_refs', '5');
    } catch {
      // where the kernel does not let it, the peak is that of the whole life
    }
  };
  server.listen(0, '127.0.0.1', () => {
    writeFileSync(`${file}.new`, String(server.address().port));
    renameSync(`${file}.new`, file);
  });
}

if (isMainThread) {
  if (process.env['LOOP_PROBE_FILE']) watchLoop();
} else if (workerData?.loopProbe) {
  await tell(workerData.loopProbe);
}

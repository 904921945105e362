import { constants } from 'node:os';
import { elapsedMs, monotonicMs } from '../common/clock.js';
import type { AgentTARSServer } from '../server.js';
import { explain } from './explain.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof SIGNALS)[number];

/** Time within which npm forwards a Ctrl+C that the terminal has sent to all of its processes, in milliseconds. */
const FORWARDED_MS = 500;

/** The first signal lets runs end and streams close; a second one does not wait. */
export function stopOnSignals(server: AgentTARSServer): void {
  let first: { readonly signal: Signal; readonly at: number } | undefined;
  const onSignal = (signal: Signal) => {
    if (!first) {
      first = { signal, at: monotonicMs() };
      tellWait(signal, server);
      void stop(server);
    } else if (isAnother(signal, first)) {
      process.exit(128 + constants.signals[signal]); // as shells tell of a signal
    }
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

/**
 * Whether a signal was sent by itself, and did not come along with the first. A terminal that hangs up is told by the
 * kernel and by the shell.
 */
function isAnother(signal: Signal, first: { readonly signal: Signal; readonly at: number }): boolean {
  if (signal === 'SIGHUP') return false;
  const underNpm = process.env['npm_config_user_agent'] !== undefined;
  return !underNpm || signal !== first.signal || elapsedMs(first.at) >= FORWARDED_MS;
}

function tellWait(signal: Signal, { runsUnderWay, config }: AgentTARSServer): void {
  if (runsUnderWay === 0) return;
  const runs = runsUnderWay === 1 ? '1 run' : `${runsUnderWay} runs`;
  const seconds = config.server.shutdownGraceMs / 1_000;
  const again = signal === 'SIGINT' ? 'Press Ctrl+C again' : 'Send another SIGTERM';
  console.error(`Waiting for ${runs}, at most ${seconds} s. ${again} to stop now.`);
}

async function stop(server: AgentTARSServer): Promise<void> {
  try {
    await server.stop();
    process.exit(0);
  } catch (error) {
    console.error(explain(error));
    process.exit(1);
  }
}

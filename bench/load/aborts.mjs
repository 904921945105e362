import { nowUs, percentiles } from '../lib/stats.mjs';
import { newAgent, readAll, send } from './http.mjs';
import { TokenScanner } from './token-scanner.mjs';

/** Tokens that are read before a run is aborted. */
const TOKENS_BEFORE = 3;

/**
 * Starts a run in each session, one after another, and aborts it in the middle of its answer.
 * @returns how long the abort took to be answered, in ms
 */
export async function abortRuns({ url, sessions, query }) {
  const agent = newAgent();
  const took = [];
  for (const sessionId of sessions) {
    const body = JSON.stringify({ sessionId, query });
    const response = await send(agent, new URL('/api/sessions/query/stream', url), 'POST', body);
    const ended = new Promise((resolve) => response.once('close', resolve));
    await someTokens(response);
    const sentAt = nowUs();
    const answer = await readAll(
      await send(agent, new URL('/api/sessions/abort', url), 'POST', JSON.stringify({ sessionId })),
    );
    took.push((nowUs() - sentAt) / 1_000);
    if (!answer.includes('true')) throw new Error(`The abort was answered by ${answer}`);
    await ended;
  }
  agent.destroy();
  return percentiles(took);
}

function someTokens(response) {
  const scanner = new TokenScanner([]);
  return new Promise((resolve) => {
    response.setEncoding('latin1').on('data', (chunk) => {
      scanner.read(chunk);
      if (scanner.tokens >= TOKENS_BEFORE) resolve();
    });
  });
}

import { nowUs, percentiles } from '../lib/stats.mjs';
import { connect, newAgent, send } from './http.mjs';
import { TokenScanner } from './token-scanner.mjs';

/**
 * Sends a query to each session and reads the answers, `width` at once; the next ones start when these have ended.
 * @param {{ url: string, sessions: string[], query: string, tokens: number, width: number }} options
 *   `tokens`: how many each answer must have; anything else is an error, not a figure
 * @returns tokens per second, and in ms: the age of a token when it is read, and how long a query waits for its
 *   first event and its first token
 */
export async function runStreams({ url, sessions, query, tokens, width }) {
  const agent = newAgent();
  await connect(agent, url, width);
  const [ages, firstEvents, firstTokens] = [[], [], []];
  const target = new URL('/api/sessions/query/stream', url).href;
  const one = async (sessionId) => {
    const scanner = new TokenScanner(ages);
    const sentAt = nowUs();
    const response = await send(agent, target, 'POST', JSON.stringify({ sessionId, query }));
    await read(response, scanner);
    if (scanner.tokens !== tokens)
      throw new Error(`An answer had ${scanner.tokens} tokens instead of ${tokens}.`);
    firstEvents.push((scanner.firstFrameAt - sentAt) / 1_000);
    firstTokens.push((scanner.firstTokenAt - sentAt) / 1_000);
  };
  const startedAt = nowUs();
  for (let at = 0; at < sessions.length; at += width) {
    await Promise.all(sessions.slice(at, at + width).map(one));
  }
  const seconds = (nowUs() - startedAt) / 1_000_000;
  agent.destroy();
  return {
    perSecond: ages.length / seconds,
    age: percentiles(ages),
    firstEvent: percentiles(firstEvents),
    firstToken: percentiles(firstTokens),
  };
}

function read(response, scanner) {
  return new Promise((resolve, reject) => {
    response.setEncoding('latin1').on('data', (chunk) => scanner.read(chunk));
    response.on('end', resolve).on('error', reject);
  });
}

import { nowUs, percentiles } from '../lib/stats.mjs';
import { connect, newAgent, readAll, send } from './http.mjs';

/**
 * Sends the same request `count` times, `width` at a time.
 * @returns {Promise<{ perSecond: number, p50: number, p99: number }>} p50 and p99 in ms, until the whole answer is there
 */
export async function sendRequests({ url, method = 'GET', body, count, width }) {
  return (await repeat({ url, method, body, count, width })).figures;
}

/** Creates sessions, and answers their ids too. */
export async function createSessions({ url, count, width }) {
  const target = new URL('/api/sessions/create', url).href;
  const ids = [];
  const take = (text) => ids.push(/"sessionId":"([^"]+)"/.exec(text)[1]);
  const { figures } = await repeat({ url: target, method: 'POST', body: '{}', count, width }, take);
  return { ids, ...figures };
}

async function repeat({ url, method, body, count, width }, take = () => {}) {
  const agent = newAgent();
  await connect(agent, url, width);
  const took = [];
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      const sentAt = nowUs();
      const text = await readAll(await send(agent, url, method, body));
      took.push((nowUs() - sentAt) / 1_000);
      take(text);
    }
  };
  const startedAt = nowUs();
  await Promise.all(Array.from({ length: width }, worker));
  const seconds = (nowUs() - startedAt) / 1_000_000;
  agent.destroy();
  return { figures: { perSecond: count / seconds, ...percentiles(took) } };
}

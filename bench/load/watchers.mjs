import { setTimeout as sleep } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { nowUs, percentiles } from '../lib/stats.mjs';
import { newAgent, send } from './http.mjs';
import { TokenScanner } from './token-scanner.mjs';

const ARRIVAL_TIMEOUT_MS = 5_000;

/** Those who follow a session now: how many tokens each has got, and how to leave. */
let watchers = [];
let ages = [];

/**
 * Follows a session with many clients, until `unfollow`. Resolves when all have joined.
 * @param {{ url: string, sessionId: string, count: number, over: 'socket' | 'sse' }} options
 */
export async function follow({ url, sessionId, count, over }) {
  ages = [];
  const join = over === 'socket' ? joinBySocket : joinBySse;
  watchers = await Promise.all(Array.from({ length: count }, () => join(url, sessionId)));
}

/**
 * Leaves once all have got `tokens` tokens.
 * @returns the age of a token when a follower has it, in ms
 */
export async function unfollow({ tokens }) {
  const deadline = Date.now() + ARRIVAL_TIMEOUT_MS;
  const missing = () => watchers.filter((watcher) => watcher.tokens() < tokens).length;
  while (missing() > 0) {
    if (Date.now() > deadline)
      throw new Error(`${missing()} of ${watchers.length} followers have not got ${tokens} tokens.`);
    await sleep(10);
  }
  for (const watcher of watchers) watcher.leave();
  return percentiles(ages);
}

async function joinBySocket(url, sessionId) {
  const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false });
  let tokens = 0;
  socket.on('agent-event', ({ type, content }) => {
    if (type !== 'assistant_streaming_message' || content === '') return;
    tokens += 1;
    ages.push((nowUs() - Number(content.slice(2, -1))) / 1_000); // " T<microseconds>;"
  });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
  const { ok, error } = await socket.timeout(10_000).emitWithAck('join-session', sessionId);
  if (!ok) throw new Error(error);
  return { tokens: () => tokens, leave: () => socket.close() };
}

async function joinBySse(url, sessionId) {
  const agent = newAgent();
  const response = await send(agent, new URL(`/api/sessions/stream?sessionId=${sessionId}`, url), 'GET');
  const scanner = new TokenScanner(ages);
  response.setEncoding('latin1').on('data', (chunk) => scanner.read(chunk));
  response.on('error', () => {}); // leaving breaks the connection
  return { tokens: () => scanner.tokens, leave: () => agent.destroy() };
}

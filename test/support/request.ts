import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import type { Wire } from './client.js';

/**
 * One request over a TCP connection of its own, which is gone when it resolves. `fetch` keeps connections for the
 * next request, and fails when the server hangs up in the moment in which it sends that.
 */
export async function request<Body = Wire>(
  method: 'GET' | 'POST',
  url: string,
  body?: object,
  options: Pick<http.RequestOptions, 'headers' | 'signal'> = {},
): Promise<{ status: number; body: Body }> {
  const sent = http.request(url, {
    ...options,
    method,
    agent: false,
    headers: { ...(body && { 'content-type': 'application/json' }), ...options.headers },
  });
  const closed = new Promise((resolve) => sent.once('close', resolve));
  sent.end(body && JSON.stringify(body));
  const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
  const answer = JSON.parse(await text(response)) as Body;
  await closed;
  return { status: response.statusCode ?? 0, body: answer };
}

import http from 'node:http';
import type { Wire } from './client.js';

export interface Raw {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface RawOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string;
  /** The address that the request comes from, such as 127.0.0.2. */
  readonly from?: string;
  readonly signal?: AbortSignal;
}

/**
 * A request with exactly these headers, over a connection of its own that is gone when it resolves. `fetch` would mend
 * the headers, and fails when the server hangs up in the moment in which it sends its next request.
 */
export function raw(url: string, options: RawOptions = {}): Promise<Raw> {
  const { method = 'GET', path = '/api/sessions', headers = {}, body = '', from, signal } = options;
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const request = http.request(
      // Not as a URL, which would mend the path.
      {
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port,
        path,
        method,
        headers,
        agent: false,
        localAddress: from,
        signal,
      },
      (response) => {
        let text = '';
        response.on('data', (data) => (text += String(data)));
        const answer = () => ({ status: response.statusCode ?? 0, headers: response.headers, body: text });
        request.once('close', () => (response.complete ? resolve(answer()) : reject(new Error('cut off'))));
      },
    );
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: '' });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** The same with JSON in and out. */
export async function rawJson<Body = Wire>(
  method: 'GET' | 'POST',
  url: string,
  body?: object,
  { headers, signal }: Pick<RawOptions, 'headers' | 'signal'> = {},
): Promise<{ status: number; body: Body }> {
  const { pathname, search } = new URL(url);
  const answer = await raw(url, {
    method,
    path: pathname + search,
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  });
  return { status: answer.status, body: JSON.parse(answer.body) as Body };
}

/** The headers of a WebSocket's upgrade. */
export const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};
/** Where Socket.IO's clients begin. */
export const SOCKET = '/socket.io/?EIO=4&transport=websocket';
export const POLLING = '/socket.io/?EIO=4&transport=polling';

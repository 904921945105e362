import http from 'node:http';

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
}

/** A request with exactly these headers: client libraries would mend them. */
export function raw(url: string, options: RawOptions = {}): Promise<Raw> {
  const { method = 'GET', path = '/api/sessions', headers = {}, body = '', from } = options;
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
      },
      (response) => {
        let text = '';
        response.on('data', (data) => (text += String(data)));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
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

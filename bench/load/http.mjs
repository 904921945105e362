import http from 'node:http';

/**
 * Sends a request with bare node:http: `fetch` costs several times as much, and the load generator shares the
 * machine with what it measures.
 * @returns {Promise<http.IncomingMessage>} as soon as its headers are there; rejects when the status is no 2xx
 */
export function send(agent, url, method, body) {
  const headers =
    body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, agent, headers }, (response) => {
      if (response.statusCode >= 200 && response.statusCode < 300) return resolve(response);
      readAll(response).then(
        (text) =>
          reject(new Error(`${method} ${url} answered ${response.statusCode}: ${text.slice(0, 200)}`)),
        reject,
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

export function readAll(response) {
  return new Promise((resolve, reject) => {
    let text = '';
    response.setEncoding('latin1').on('data', (part) => (text += part));
    response.on('end', () => resolve(text)).on('error', reject);
  });
}

/** Connections that stay open, and as many of them as are asked for. The caller destroys it. */
export const newAgent = () => new http.Agent({ keepAlive: true, maxSockets: Infinity });

/** Opens `count` connections, so that what is measured next does not pay for them. */
export async function connect(agent, url, count) {
  const one = async () => readAll(await send(agent, new URL('/api/health', url), 'GET'));
  await Promise.all(Array.from({ length: count }, one));
}

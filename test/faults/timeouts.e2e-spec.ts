import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import { TestServer } from '../support/test-server.js';

let app: TestServer | undefined;
afterEach(() => app?.stop());

describe('a client that never says what it wants', () => {
  it('is cut off', async () => {
    app = await TestServer.start();
    const { hostname, port } = new URL(app.url);
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.on('data', (data: Buffer) => (answer += data.toString()));
    socket.write('GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    await once(socket, 'close'); // after 15 s, and Node looks every 30 s
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  }, 60_000);
});

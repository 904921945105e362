import { describe, expect, it } from '@jest/globals';
import type { IncomingMessage } from 'node:http';
import { type OriginPolicy, refusal } from './origin-policy.js';

const RULES: OriginPolicy = {
  host: '127.0.0.1',
  allowedHosts: [],
  origins: [],
  trustProxy: false,
  publicPath: '',
  basePath: '/api',
  localOnly: true,
};

function asked(socket: object, origin?: string): IncomingMessage {
  const headers = { host: 'localhost:1', ...(origin && { origin }) };
  return { headers, rawHeaders: Object.entries(headers).flat(), url: '/api/x', socket } as never;
}

describe('the front door', () => {
  it.each([['127.0.0.1'], ['127.3.2.1'], ['::1'], ['::ffff:127.0.0.1'], [undefined]])(
    'lets a connection to %s in where no token is asked for',
    (localAddress) => expect(refusal(asked({ localAddress }), RULES)).toBeUndefined(),
  );

  it.each([['192.0.2.1'], ['1.127.0.0'], ['::ffff:192.0.2.1'], ['2001:db8::1'], ['::'], ['1270::1']])(
    'does not let a connection to %s in where no token is asked for',
    (localAddress) => {
      expect(refusal(asked({ localAddress }), RULES)).toMatchObject({ code: 'FORBIDDEN' });
      expect(refusal(asked({ localAddress }), { ...RULES, localOnly: false })).toBeUndefined();
    },
  );

  it('takes a page for its own by the scheme of the connection', () => {
    const plain = { localAddress: '::1' };
    const encrypted = { localAddress: '::1', encrypted: true };
    expect(refusal(asked(plain, 'http://localhost:1'), RULES)).toBeUndefined();
    expect(refusal(asked(plain, 'https://localhost:1'), RULES)).toMatchObject({ code: 'FORBIDDEN' });
    expect(refusal(asked(encrypted, 'https://localhost:1'), RULES)).toBeUndefined();
    expect(refusal(asked(encrypted, 'http://localhost:1'), RULES)).toMatchObject({ code: 'FORBIDDEN' });
  });
});

import { describe, expect, it } from '@jest/globals';
import type { IncomingMessage } from 'node:http';
import { cookieName, cookiesOf, credentialsOf } from './credentials.js';

/** A request that came in on a port; undefined is a socket of another kind. */
const request = (headers: object, localPort: number | undefined = 8888) =>
  ({ headers, socket: { localPort } }) as unknown as IncomingMessage;
const cookies = (cookie: string) => cookiesOf(request({ cookie }));

describe('the credentials of a request', () => {
  it('are a token in its header, or else its cookies, or none', () => {
    const cookie = 'agent_tars=one';
    expect(credentialsOf(request({ authorization: 'Bearer  x y ', cookie }))).toEqual({ token: 'x y' });
    expect(credentialsOf(request({ authorization: 'Basic x', cookie }))).toEqual({ cookies: ['one'] });
    expect(credentialsOf(request({ cookie: 'agent_tars=; other=x' }))).toBeUndefined();
    expect(credentialsOf(request({}))).toBeUndefined();
  });

  it('are all cookies that this server may have set: those of its port first, then those of the shortest path', () => {
    expect(
      cookies(
        'agent_tars=junk; agent_tars_8888=long; agent_tars_9=other; agent_tars_8888=a=b;agent_tars=old',
      ),
    ).toEqual(['a=b', 'long', 'old', 'other', 'junk']);
    expect(cookies('xagent_tars=1; agent_tars_=2; agent_tars_x=3; agent_tars_123456=4; agent_tars')).toEqual(
      [],
    );
  });

  it('are sixteen cookies at most, whose own is not pushed out by others', () => {
    const others = Array.from({ length: 40 }, (_, i) => `agent_tars_${i}=junk`);
    const deeper = Array.from({ length: 40 }, () => 'agent_tars_8888=junk');
    for (const flood of [others, deeper]) {
      expect(cookies(['agent_tars=x', ...flood].join('; '))).toHaveLength(16);
      expect(cookies([...deeper, 'agent_tars_8888=own', ...others].join('; '))[0]).toBe('own');
    }
  });
});

describe('the name of the cookie', () => {
  it('has the port in it, where there is one', () => {
    expect(cookieName(request({}))).toBe('agent_tars_8888');
    expect(cookieName({ socket: {} } as IncomingMessage)).toBe('agent_tars');
  });
});

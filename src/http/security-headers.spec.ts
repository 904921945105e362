import { describe, expect, it } from '@jest/globals';
import helmet from 'helmet';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { SECURITY_HEADERS, setCommonHeaders } from './security-headers.js';

function newResponse(): ServerResponse {
  return new ServerResponse(new IncomingMessage(new Socket()));
}

describe('the headers of every answer', () => {
  it('are those that helmet sets, with a policy that lets an answer load nothing', () => {
    const res = newResponse();
    const byHelmet = helmet({
      contentSecurityPolicy: false,
      xFrameOptions: { action: 'deny' },
      strictTransportSecurity: false,
      referrerPolicy: { policy: 'no-referrer' },
    });
    byHelmet(res.req, res, () => undefined);
    const { 'content-security-policy': policy, ...others } = SECURITY_HEADERS;
    expect(others).toEqual({ ...res.getHeaders() });
    expect(policy).toBe("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  });

  it('are set on a response, with the id of the request', () => {
    const res = newResponse();
    setCommonHeaders(res.req, res);
    expect({ ...res.getHeaders() }).toEqual({
      ...SECURITY_HEADERS,
      'x-request-id': expect.stringMatching(/^[\w-]+$/),
    });
  });
});

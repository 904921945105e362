import type { RequestHandler, Response } from 'express';
import helmet from 'helmet';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

const NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What a page of this server may load, beside nothing: its own files, scripts only if it has any, and the inline styles given. */
export function pagePolicy({
  styles = [],
  scripts = false,
}: {
  readonly styles?: readonly string[];
  readonly scripts?: boolean;
}): string {
  const hashes = styles.map((text) => ` 'sha256-${createHash('sha256').update(text).digest('base64')}'`);
  return [
    "default-src 'none'",
    ...(scripts ? ["script-src 'self'"] : []),
    `style-src 'self'${hashes.join('')}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Swagger UI sets styles by script, which no hash can name. */
export const DOCS_POLICY = pagePolicy({ scripts: true }).replace(
  "style-src 'self'",
  "style-src 'self' 'unsafe-inline'",
);

/**
 * Another web UI decides itself what it loads; it may not be framed, nor bring plugins, nor talk to other servers: its
 * scripts have the cookie of whoever is logged in.
 */
export const OTHER_UI_POLICY =
  "connect-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'";

export function setPolicy(res: Response, policy: string): void {
  res.setHeader('content-security-policy', policy);
}

/** The headers of every answer. They are the same each time: helmet's chain of handlers costs as much as a short request. */
const HEADERS = recordHeaders();

function recordHeaders(): readonly (readonly [string, string])[] {
  const headers: [string, string][] = [];
  const recorder = {
    setHeader: (name: string, value: string) => headers.push([name.toLowerCase(), value]),
    removeHeader: () => undefined,
  };
  helmet({
    contentSecurityPolicy: false,
    xFrameOptions: { action: 'deny' },
    strictTransportSecurity: false, // whoever puts TLS before the server decides that
    referrerPolicy: { policy: 'no-referrer' },
  })({} as IncomingMessage, recorder as unknown as ServerResponse, () => undefined);
  return [...headers, ['content-security-policy', NOTHING]];
}

/** Sets the headers of every answer, as helmet sets them; pages set a policy of their own. */
export function setSecurityHeaders(res: ServerResponse): void {
  for (const [name, value] of HEADERS) res.setHeader(name, value);
}

/** The same for an application that is served by a server of the embedder's own, without the door that sets them. */
export function securityHeaders(): RequestHandler {
  return (_req, res, next) => {
    if (!res.hasHeader('content-security-policy')) setSecurityHeaders(res);
    next();
  };
}

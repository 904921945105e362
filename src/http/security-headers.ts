import type { RequestHandler, Response } from 'express';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { REQUEST_ID, requestIdOf } from './request-id.js';

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

/**
 * The headers of every answer: those that helmet sets, which a test compares. Without Strict-Transport-Security: the
 * proxy that puts TLS before the server decides that.
 */
export const SECURITY_HEADERS = {
  'content-security-policy': NOTHING,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
} as const;

/** Sets the headers of every answer, the request's id among them; pages set a policy of their own. */
export function setCommonHeaders(req: IncomingMessage, res: ServerResponse): void {
  res.setHeader(REQUEST_ID, requestIdOf(req));
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) res.setHeader(name, value);
}

/** Takes the policy away from the pages of an embedder: it would leave them blank. The other headers stay. */
export function leavePolicy(): RequestHandler {
  return (_req, res, next) => {
    res.removeHeader('content-security-policy');
    next();
  };
}

/** Sets the policy of answers that are no pages, where there is none yet. */
export function requirePolicy(): RequestHandler {
  return (_req, res, next) => {
    ensurePolicy(res);
    next();
  };
}

export function ensurePolicy(res: ServerResponse): void {
  if (!res.headersSent && !res.hasHeader('content-security-policy')) {
    res.setHeader('content-security-policy', NOTHING);
  }
}

/** The same for an application that is served by a server of the embedder's own, without the door that sets them. */
export function securityHeaders(): RequestHandler {
  return (req, res, next) => {
    if (!res.hasHeader(REQUEST_ID)) setCommonHeaders(req, res);
    next();
  };
}

import { type Request, type RequestHandler, type Response, Router } from 'express';
import { epochMs } from '../common/clock.js';
import { jsonBody } from '../http/json-body.js';
import { addressOf } from '../http/client-id.js';
import { linkTo, prefixOf } from '../http/public-path.js';
import { InvalidInput } from '../common/errors.js';
import type { AccessControl } from './access-control.js';
import { Unauthorized } from './auth.errors.js';
import { COOKIE, cookieName } from './credentials.js';
import { refuse } from './guard.js';
import { sendWayIn } from './login-page.js';
import { BROWSER, type TokenSpec } from './token.js';

const DAYS = 30;
const DAY_MS = 86_400_000;
const MAX_BODY = 10_000;

/** Login and logout of a browser by cookie. Each route does its own authentication. */
export function loginRoutes(access: AccessControl): Router {
  const router = Router();
  router.get(
    '/auth/link',
    answering((req, res) => openLink(access, req, res)),
  );
  router.post(
    '/auth/login',
    ...jsonBody(MAX_BODY),
    answering((req, res) => login(access, req, res)),
  );
  router.post(
    '/auth/logout',
    answering((req, res) => logout(access, req, res)),
  );
  return router;
}

/** Opens the link that the server prints: valid once, it gives the browser the rights of the server's owner. */
async function openLink(access: AccessControl, req: Request, res: Response): Promise<void> {
  res.set({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
  // A browser that is logged in keeps its login when it opens a link again.
  if (access.inCookies(req).length === 0) {
    const { code } = req.query;
    if (typeof code !== 'string' || !access.codes.take(code)) {
      access.refusals.refused('A login link', addressOf(req));
      throw new Unauthorized(
        'This link has been used, is too old, or is of another start of the server. Start the server again for another, or paste a token.',
      );
    }
    await setCookie(access, req, res, { scopes: ['admin'], expiresAt: null });
  }
  // A redirect counts as caused by the page with the link: the strict cookie would not be sent.
  if (req.headers['sec-fetch-site'] === 'cross-site') sendWayIn(res, linkTo(req, '/'));
  else res.redirect(303, linkTo(req, '/'));
}

/** Logs a browser in with a token of its own, with the scopes of the given one; both end together. */
async function login(access: AccessControl, req: Request, res: Response): Promise<void> {
  const { token } = req.body as { token?: unknown };
  if (typeof token !== 'string' || token === '') {
    throw new InvalidInput('The body must hold a token, such as {"token": "tars_…"}.');
  }
  const { id, scopes, expiresAt, parent } = access.authenticate({ token: token.trim() }, addressOf(req));
  await setCookie(access, req, res, { scopes, expiresAt, parent: parent ?? id });
  res.json({ success: true });
}

async function logout(access: AccessControl, req: Request, res: Response): Promise<void> {
  const entries = [access.authenticateRequest(req), ...access.inCookies(req)];
  const browsers = entries.filter(({ name }) => name === BROWSER);
  if (browsers.length > 0) await access.tokens.remove(browsers);
  for (const name of new Set([COOKIE, cookieName(req)])) res.clearCookie(name, cookieOptions(req));
  res.json({ success: true });
}

async function setCookie(
  access: AccessControl,
  req: Request,
  res: Response,
  wish: Pick<TokenSpec, 'scopes' | 'expiresAt' | 'parent'>,
): Promise<void> {
  const now = epochMs();
  const maxAge = Math.min((wish.expiresAt ?? Infinity) - now, DAYS * DAY_MS);
  const { token } = await access.tokens.addBrowser({ ...wish, expiresAt: now + maxAge });
  res.cookie(cookieName(req), token, { ...cookieOptions(req), maxAge });
}

function cookieOptions(req: Request) {
  const path = prefixOf(req) || '/'; // other servers of the host, beside the prefix, are not sent the cookie
  return { httpOnly: true, sameSite: 'strict', path, secure: req.secure } as const;
}

function answering(handle: (req: Request, res: Response) => Promise<void>): RequestHandler {
  return async (req, res, next) => {
    if (req.method === 'HEAD') return next(); // a HEAD request must not use up a link
    try {
      await handle(req, res);
    } catch (error) {
      refuse(req, res, error);
    }
  };
}

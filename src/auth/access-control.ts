import type { IncomingMessage } from 'node:http';
import { addressOf } from '../http/client-id.js';
import type { Secret } from '../common/secret.js';
import type { TokenReader } from '../http/gate.js';
import { NotFromOwnPage, ScopeMissing, TooManyFailures, Unauthorized } from './auth.errors.js';
import { cookiesOf, type Credentials, credentialsOf, isFromOwnPage, isSafe } from './credentials.js';
import { FailureLimiter } from './failure-limiter.js';
import { ConnectionsByToken } from './connections-by-token.js';
import { LoginCodes } from './login-codes.js';
import { RefusalLog } from './refusal-log.js';
import { RouteScopes } from './route-scopes.js';
import { allows, type Scope, type TokenEntry } from './token.js';
import { TokenStore } from './token-store.js';

const WRONG = 'This token is wrong, has expired or was revoked.';
const HOW =
  'Send "Authorization: Bearer <token>", or open the link that the server printed at its start in a browser. ' +
  '"agent-tars token create" makes a token.';

/** Characters of a token: generated and sensible ones are shorter. */
const MAX_TOKEN = 1000;

/** Options of {@link AccessControl}. */
export interface AccessOptions {
  /** Directory of the tokens. */
  readonly dataDir: string;
  /** Base path of the routes that have scopes. */
  readonly basePath: string;
  /** The configured token, with every scope; undefined when there is none. */
  readonly token: Secret | undefined;
}

/** Authentication and scopes: checked at every way into a server that requires tokens. */
export class AccessControl implements TokenReader {
  readonly live = new ConnectionsByToken();
  readonly codes = new LoginCodes();
  readonly routes: RouteScopes;
  readonly tokens: TokenStore;
  readonly refusals = new RefusalLog();
  private readonly limiter = new FailureLimiter();

  constructor({ dataDir, basePath, token }: AccessOptions) {
    this.routes = new RouteScopes(basePath);
    this.tokens = new TokenStore(dataDir, token, (id) => this.live.end(id));
  }

  /** @throws TokensUnreadable */
  async open(): Promise<void> {
    await this.tokens.open();
  }

  close(): void {
    this.tokens.close();
    this.codes.clear();
  }

  /**
   * Whose request this is.
   * @throws Unauthorized, TooManyFailures; NotFromOwnPage when another page may have made the browser ask
   */
  authenticateRequest(req: IncomingMessage): TokenEntry {
    const credentials = credentialsOf(req);
    const entry = this.authenticate(credentials, addressOf(req));
    this.checkPage(req, credentials);
    return entry;
  }

  /**
   * Id of the token that would authenticate a request. The configured token, which can be guessed, is not looked at
   * from a locked-out address: the answer of a rate limit must not tell a right token from wrong ones.
   */
  recognise(req: IncomingMessage): string | undefined {
    const credentials = credentialsOf(req);
    if (!credentials) return undefined;
    if ('cookies' in credentials) return this.ofCookies(credentials.cookies)[0]?.id;
    const entry = this.find(credentials.token);
    return entry && !this.hasToWait(entry, addressOf(req)) ? entry.id : undefined;
  }

  /** Counts the token of a request that a rate limit refused as a wrong one. */
  unheard(req: IncomingMessage): void {
    const credentials = credentialsOf(req);
    if (credentials && 'token' in credentials) this.limiter.failed(addressOf(req));
  }

  /**
   * Authenticates credentials. A wrong token counts against the address. Wrong cookies do not: pages of other servers
   * on the same host can set them in the browser of this server's owner.
   * @throws Unauthorized, TooManyFailures
   */
  authenticate(credentials: Credentials | undefined, address: string): TokenEntry {
    if (!credentials) throw new Unauthorized(`This server asks for a token. ${HOW}`);
    if ('token' in credentials) return this.ofToken(credentials.token, address);
    const [entry] = this.ofCookies(credentials.cookies);
    if (!entry) throw new Unauthorized(`${WRONG} ${HOW}`);
    return entry;
  }

  /** Valid tokens in a request's cookies. */
  inCookies(req: IncomingMessage): readonly TokenEntry[] {
    return this.ofCookies(cookiesOf(req));
  }

  /** @throws ScopeMissing naming the scope that `what` needs */
  requireScope(entry: TokenEntry, scope: Scope, what: string): void {
    if (allows(entry, scope)) return;
    throw new ScopeMissing(entry, scope, what);
  }

  /** Only the configured token can be guessed: the others are 256 random bits, and never locked out. */
  private ofToken(token: string, address: string): TokenEntry {
    const entry = this.find(token);
    if (!entry || this.hasToWait(entry, address)) this.assertNotLockedOut(address);
    if (!entry) {
      this.limiter.failed(address);
      this.refusals.refused('A wrong token', address);
      throw new Unauthorized(`${WRONG} ${HOW}`);
    }
    if (this.tokens.isConfigured(entry)) this.limiter.succeeded(address, entry.hash);
    return entry;
  }

  private hasToWait(entry: TokenEntry, address: string): boolean {
    if (!this.tokens.isConfigured(entry) || this.limiter.hasUsed(address, entry.hash)) return false;
    return this.limiter.waitMs(address) > 0;
  }

  /** Valid tokens but the configured one: guesses of it would not be counted here. */
  private ofCookies(cookies: readonly string[]): readonly TokenEntry[] {
    const entries = cookies.map((cookie) => this.find(cookie));
    return entries.filter((entry) => entry !== undefined).filter((entry) => !this.tokens.isConfigured(entry));
  }

  private find(token: string): TokenEntry | undefined {
    return token.length > MAX_TOKEN ? undefined : this.tokens.find(token);
  }

  private assertNotLockedOut(address: string): void {
    const waitMs = this.limiter.waitMs(address);
    if (waitMs <= 0) return;
    this.refusals.refused('A token, after too many wrong ones,', address);
    throw new TooManyFailures(waitMs);
  }

  private checkPage(req: IncomingMessage, credentials: Credentials | undefined): void {
    if (!credentials || 'token' in credentials || isSafe(req.method) || isFromOwnPage(req)) return;
    throw new NotFromOwnPage();
  }
}

import { Logger } from '@nestjs/common';
import { createHash, timingSafeEqual } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { epochMs } from '../common/clock.js';
import { makeDirectory } from '../files/make-directory.js';
import type { Secret } from '../common/secret.js';
import { ensureOwner, without } from './token-commands.js';
import {
  BROWSER,
  hashOf,
  isExpired,
  newToken,
  type NewToken,
  type TokenEntry,
  type TokenSpec,
} from './token.js';
import { TOKENS_FILE } from '../files/data-directory.js';
import { changeTokens, readTokens, TokensUnreadable } from './token-file.js';

/** Longest wait until expiries are looked at again: they are wall-clock times, and that clock may step. */
const RECHECK_MS = 60_000;
/** Browsers logged in at once; the oldest login is dropped first. */
const MAX_BROWSERS = 100;

interface Known {
  readonly entry: TokenEntry;
  readonly hash: Buffer;
}

/**
 * Valid tokens: those of the data directory, as it changes, and the configured one. No token is valid before {@link
 * open} or after {@link close}.
 */
export class TokenStore {
  private readonly logger = new Logger(TokenStore.name);
  private readonly configured: TokenEntry | undefined;
  private known: readonly Known[] = [];
  private watcher: FSWatcher | undefined;
  private expiry: NodeJS.Timeout | undefined;
  private reloadIsDue = false;
  /** Reads and changes come one after another: an older reading must not replace a newer one. */
  private turn: Promise<unknown> = Promise.resolve();

  /** @param onEnd called with the id of each token that is no longer valid, or has changed */
  constructor(
    private readonly dataDir: string,
    configured: Secret | undefined,
    private readonly onEnd: (tokenId: string) => void,
  ) {
    this.configured = configured && configuredEntry(configured);
  }

  /**
   * Reads the tokens, makes the owner's if there is none, and follows their changes.
   * @throws TokensUnreadable
   */
  async open(): Promise<void> {
    await this.makeDataDir();
    this.follow(); // first, so that no change falls between reading and following
    await this.inTurn(() => (this.configured ? readTokens(this.dataDir) : ensureOwner(this.dataDir)));
  }

  private async makeDataDir(): Promise<void> {
    try {
      await makeDirectory(this.dataDir);
    } catch (error) {
      throw new TokensUnreadable(
        `The data directory ${this.dataDir} cannot be made (${(error as NodeJS.ErrnoException).code}). Choose another --data-dir.`,
      );
    }
  }

  close(): void {
    this.watcher?.close();
    this.watcher = undefined;
    clearTimeout(this.expiry);
    this.known = [];
  }

  /** Entry of a valid token, or undefined. Takes the same time for each token. */
  find(token: string): TokenEntry | undefined {
    const hash = createHash('sha256').update(token).digest();
    let found: TokenEntry | undefined;
    for (const known of this.known) if (timingSafeEqual(known.hash, hash)) found = known.entry;
    return found && !isExpired(found) ? found : undefined;
  }

  /** A token for a browser. */
  async addBrowser(wish: Omit<TokenSpec, 'name'>): Promise<NewToken> {
    const created = newToken({ ...wish, name: BROWSER });
    await this.change((tokens) => {
      const alive = tokens.filter((entry) => entry.name !== BROWSER || !isExpired(entry));
      const oldest = alive.filter(({ name }) => name === BROWSER).slice(0, 1 - MAX_BROWSERS);
      return [...without(alive, oldest), created.entry];
    });
    return created;
  }

  async remove(entries: readonly TokenEntry[]): Promise<void> {
    await this.change((tokens) => without(tokens, entries));
  }

  /** Whether the token is the configured one: a person chose it, maybe with fewer random bits than a generated one. */
  isConfigured(entry: TokenEntry): boolean {
    return entry === this.configured;
  }

  private change(change: (tokens: readonly TokenEntry[]) => readonly TokenEntry[]): Promise<void> {
    return this.inTurn(() =>
      changeTokens(this.dataDir, (before) => {
        const tokens = change(before);
        return { tokens, result: tokens };
      }),
    );
  }

  private inTurn(read: () => Promise<readonly TokenEntry[]>): Promise<void> {
    const turn = this.turn.then(async () => this.take(await read()));
    this.turn = turn.catch(() => undefined); // the caller gets the rejection
    return turn;
  }

  private take(tokens: readonly TokenEntry[]): void {
    if (!this.watcher) return; // closed meanwhile
    const all = this.configured ? [...tokens, this.configured] : tokens;
    const good = all.filter((entry) => !isExpired(entry) && hasParent(entry, all));
    const before = this.known;
    this.known = good.map((entry) => ({ entry, hash: Buffer.from(entry.hash, 'hex') }));
    this.waitForExpiry();
    for (const { entry } of before) if (!good.some((each) => isSame(each, entry))) this.onEnd(entry.id);
  }

  private waitForExpiry(): void {
    clearTimeout(this.expiry);
    const next = Math.min(...this.known.map(({ entry }) => entry.expiresAt ?? Infinity));
    if (next === Infinity) return;
    const after = Math.min(Math.max(next - epochMs(), 0), RECHECK_MS);
    const stillGood = () =>
      this.take(this.known.map(({ entry }) => entry).filter((e) => e !== this.configured));
    this.expiry = setTimeout(stillGood, after).unref();
  }

  /** Watches the directory, because each change replaces the file. */
  private follow(): void {
    try {
      this.watcher = watch(this.dataDir, { persistent: false }, (_event, name) => {
        if (name === null || name === TOKENS_FILE) this.reloadSoon();
      });
    } catch (error) {
      const { code = String(error) } = error as NodeJS.ErrnoException;
      throw new TokensUnreadable(
        `${this.dataDir} cannot be watched for tokens that are revoked (${code}). Choose another with --data-dir.`,
      );
    }
    this.watcher.on('error', (error) =>
      this.logger.error(`Changes of tokens are no longer seen: ${error.message}`),
    );
  }

  /** Reloads once for the several events of one replacement. */
  private reloadSoon(): void {
    if (this.reloadIsDue) return;
    this.reloadIsDue = true;
    setImmediate(() => {
      this.reloadIsDue = false;
      this.inTurn(() => readTokens(this.dataDir)).catch((error: Error) => {
        this.logger.error(`The tokens that were good before stay so: ${error.message}`);
      });
    });
  }
}

/** Entry of the configured token. Its id derives from the value: configuring another token logs its browsers out. */
function configuredEntry(token: Secret): TokenEntry {
  const hash = hashOf(token.reveal());
  const id = `configured-${hash.slice(0, 10)}`;
  return { id, name: 'configured', scopes: ['admin'], createdAt: 0, expiresAt: null, hash };
}

function hasParent({ parent }: TokenEntry, all: readonly TokenEntry[]): boolean {
  return parent === undefined || all.some((entry) => entry.id === parent && !isExpired(entry));
}

function isSame(one: TokenEntry, other: TokenEntry): boolean {
  return one.id === other.id && one.hash === other.hash && one.scopes.join() === other.scopes.join();
}

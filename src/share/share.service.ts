import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import type { Part } from '../http/answers.js';
import { KeyedMutex } from '../http/keyed-mutex.js';
import { maskSecretsIn, type Secret } from '../common/secret.js';
import { cutText } from '../common/text.js';
import { AppConfig } from '../config/index.js';
import { EventLog, EventPages, EventTruncator } from '../events/index.js';
import { type SessionDto, SessionsService } from '../sessions/index.js';
import { firstText, sharePage } from './share-page.js';
import { uploadPage } from './share-provider.js';
import { NoShareProvider, PageTooLarge } from './share.errors.js';
import { SharedEvents, SHOWN_TYPES } from './shared-events.js';

/** Of the events in a page as they are stored, and of a page that is uploaded. */
const MAX_PAGE_BYTES = 64 * 1_048_576;
/** Pages of up to so many bytes are uploaded side by side. */
const SMALL_BYTES = 1_048_576;
/** Characters of the page that are made at once. */
const PIECE = 65_536;
/** Characters of the first question that go with an uploaded page. */
const MAX_QUESTION = 100_000;

/** Makes a session into a page that can be read without this server. */
@Injectable()
export class ShareService {
  /** Large pages on their way to the provider: one at a time, for it is in memory meanwhile. */
  private readonly uploads: KeyedMutex;

  constructor(
    private readonly sessions: SessionsService,
    private readonly log: EventLog,
    private readonly pages: EventPages,
    private readonly frames: EventTruncator,
    private readonly config: AppConfig,
  ) {
    this.uploads = new KeyedMutex(
      2 * config.server.limits.stalledReaderMs,
      'Other large pages are still on their way.',
    );
  }

  get provider(): string | null {
    return this.config.share.provider ?? null;
  }

  /**
   * Makes the page and gives it, or uploads it and gives its address: `{ success, sessionId, html or url }` as JSON text.
   * @throws SessionNotFound, PageTooLarge, NoShareProvider; ShareFailed when the upload fails
   */
  async *share(sessionId: string, upload: boolean): AsyncGenerator<Part, void, void> {
    const page = await this.pageOf(sessionId);
    yield `{"success":true,"sessionId":${JSON.stringify(sessionId)},`;
    if (upload) {
      yield `"url":${JSON.stringify(await this.upload(page))}}`;
      return;
    }
    yield '"html":"';
    for await (const piece of inPieces(page.html)) yield JSON.stringify(piece).slice(1, -1);
    yield '"}';
  }

  private async pageOf(sessionId: string): Promise<Page> {
    const { secrets } = this.config;
    // Before the page is made: in HTML a secret may read otherwise, and what goes with the page is public too.
    const session = masked(this.sessions.toDto(await this.sessions.get(sessionId)), secrets);
    const upTo = await this.log.lastSeq(sessionId);
    if (await this.pages.areLonger(sessionId, { upTo, types: SHOWN_TYPES }, MAX_PAGE_BYTES))
      throw new PageTooLarge(MAX_PAGE_BYTES);
    const events = new SharedEvents(this.pages, this.frames, secrets, sessionId, upTo);
    const question = await firstText(events);
    const html = sharePage(session, events, events.headOf(question));
    return { session, events, question, html };
  }

  private async upload({
    session: { id: sessionId, name, tags },
    events,
    question,
    html,
  }: Page): Promise<string> {
    if (this.provider === null) throw new NoShareProvider();
    let release: (() => void) | undefined;
    const makeRoom = async () => {
      release = await this.uploads.take('');
    };
    try {
      return await uploadPage(this.provider, {
        sessionId,
        slug: slugOf(name || events.headOf(question), sessionId),
        html: await whole(html, makeRoom),
        query: await beginningOf(events.pieces(question, String), MAX_QUESTION),
        name,
        tags,
      });
    } finally {
      release?.();
    }
  }
}

/** The session with the secrets masked in what somebody wrote; its id and its model are what they are. */
function masked(session: SessionDto, secrets: readonly Secret[]): SessionDto {
  const { id, workspace, metadata } = session;
  const { modelConfig, agentInfo } = metadata;
  const shown = maskSecretsIn(session, secrets);
  return { ...shown, id, workspace, metadata: { ...shown.metadata, modelConfig, agentInfo } };
}

interface Page {
  readonly session: SessionDto;
  readonly events: SharedEvents;
  /** The first thing that the user said. */
  readonly question: string;
  readonly html: AsyncIterable<string>;
}

/**
 * The page as what is uploaded must be: with a known length.
 * @param makeRoom is awaited before much of it is in memory
 */
async function whole(html: AsyncIterable<string>, makeRoom: () => Promise<void>): Promise<Blob> {
  const parts: Blob[] = [];
  let bytes = 0;
  for await (const piece of inPieces(html)) {
    const part = new Blob([piece]);
    if (bytes <= SMALL_BYTES && bytes + part.size > SMALL_BYTES) await makeRoom();
    parts.push(part);
    bytes += part.size;
    if (bytes > MAX_PAGE_BYTES) throw new PageTooLarge(MAX_PAGE_BYTES);
  }
  return new Blob(parts, { type: 'text/html' });
}

async function beginningOf(pieces: AsyncIterable<string>, most: number): Promise<string> {
  let text = '';
  for await (const piece of pieces) {
    text += piece;
    if (text.length > most) break;
  }
  return cutText(text, most);
}

/** Small pieces put together. */
async function* inPieces(texts: AsyncIterable<string>): AsyncGenerator<string, void, void> {
  let piece = '';
  for await (const text of texts) {
    piece += text;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

/** Readable words, then what makes it unique and the same each time, without a part of the session's id. */
function slugOf(title: string, sessionId: string): string {
  const words = cutText(title, 1_000)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
  const unique = createHash('sha256').update(sessionId).digest('hex').slice(0, 16);
  return [words, unique].filter(Boolean).join('-');
}

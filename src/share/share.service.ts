import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { DomainError } from '../common/errors.js';
import { maskSecretsIn, type Secret } from '../common/secret.js';
import { AppConfig } from '../config/index.js';
import { EventLog, maskEvent } from '../events/index.js';
import { type SessionDto, SessionsService } from '../sessions/index.js';
import { firstText, sharePage } from './share-page.js';
import { uploadPage } from './share-provider.js';

export type ShareResult = { readonly success: true; readonly sessionId: string } & (
  { readonly html: string } | { readonly url: string }
);

/** Makes a session into a page that can be read without this server. */
@Injectable()
export class ShareService {
  constructor(
    private readonly sessions: SessionsService,
    private readonly events: EventLog,
    private readonly config: AppConfig,
  ) {}

  get provider(): string | null {
    return this.config.share.provider ?? null;
  }

  /** @throws SessionNotFound; DomainError SHARE_FAILED when the upload fails */
  async share(sessionId: string, upload: boolean): Promise<ShareResult> {
    const { secrets } = this.config;
    // Before the page is made: in HTML a secret may read otherwise, and what goes with the page is public too.
    const session = masked(this.sessions.toDto(await this.sessions.get(sessionId)), secrets);
    const events = (await this.events.read(sessionId)).map((event) => maskEvent(event, secrets));
    const html = await sharePage(session, events);
    if (!upload) return { success: true, sessionId, html };
    if (this.provider === null) {
      throw new DomainError(
        'INVALID_INPUT',
        'This server has no share provider: set share.provider, or share with "upload": false and send the page yourself.',
      );
    }
    const query = firstText(events);
    const slug = slugOf(session.name || query, sessionId);
    const { name, tags } = session;
    const url = await uploadPage(this.provider, { sessionId, slug, html, query, name, tags });
    return { success: true, sessionId, url };
  }
}

/** The session with the secrets masked in what somebody wrote; its id and its model are what they are. */
function masked(session: SessionDto, secrets: readonly Secret[]): SessionDto {
  const { id, workspace, metadata } = session;
  const { modelConfig, agentInfo } = metadata;
  const shown = maskSecretsIn(session, secrets);
  return { ...shown, id, workspace, metadata: { ...shown.metadata, modelConfig, agentInfo } };
}

/** Readable words, then what makes it unique and the same each time, without a part of the session's id. */
function slugOf(title: string, sessionId: string): string {
  const words = title
    .slice(0, 1_000)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
  const unique = createHash('sha256').update(sessionId).digest('hex').slice(0, 16);
  return [words, unique].filter(Boolean).join('-');
}

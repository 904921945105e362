import { DomainError, InvalidInput } from '../common/errors.js';

/** The provider cannot be reached, or does not answer with a URL. */
export class ShareFailed extends DomainError {
  constructor(reason: string) {
    super('SHARE_FAILED', `The page was not shared: ${reason}. Check share.provider, or try again.`);
  }
}

export class NoShareProvider extends InvalidInput {
  constructor() {
    super(
      'This server has no share provider: set share.provider, or share with "upload": false and send the page yourself.',
    );
  }
}

/** The session makes a larger page than one may be. */
export class PageTooLarge extends DomainError {
  constructor(maxBytes: number) {
    super(
      'PAYLOAD_TOO_LARGE',
      `The page of this session would be larger than ${maxBytes / 1_048_576} MB. Read its events with GET /api/sessions/events, or share a session that holds less.`,
      { limit: maxBytes },
    );
  }
}

import { DomainError } from '../common/errors.js';

export class SessionNotFound extends DomainError {
  constructor(id?: string) {
    super(
      'SESSION_NOT_FOUND',
      id === undefined
        ? 'There is no session yet. Create one with POST /api/sessions/create.'
        : `There is no session "${id.slice(0, 100)}". List the sessions with GET /api/sessions, or create one with POST /api/sessions/create.`,
    );
  }
}

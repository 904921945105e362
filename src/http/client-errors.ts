import type { Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { DomainError } from '../common/errors.js';
import { rejectSocket } from './error-response.js';

/** Answers requests that Node refuses before any middleware sees them, in the form of every other error. */
export function answerBrokenRequests(server: Server): void {
  server.on('clientError', answer);
}

function answer(error: NodeJS.ErrnoException, socket: Duplex): void {
  // Node keeps the answer under way here: nothing may be written into its middle.
  const { _httpMessage: underWay } = socket as { _httpMessage?: ServerResponse };
  if (error.code === 'ECONNRESET' || !socket.writable || underWay?.headersSent) {
    socket.destroy();
    return;
  }
  rejectSocket(socket, refusal(error.code));
}

function refusal(code: string | undefined): DomainError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new DomainError(
        'HEADERS_TOO_LARGE',
        'The address and the headers are too long. Send less in them.',
      );
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new DomainError('REQUEST_TIMEOUT', 'The request did not arrive in time. Send it again.');
    default:
      return new DomainError('INVALID_INPUT', 'The request is no valid HTTP.');
  }
}

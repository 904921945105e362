import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { ErrorRequestHandler, Request, Response } from 'express';
import { DomainError, type ErrorCode, toDomainError } from '../common/errors.js';
import { cutText } from '../common/text.js';
import { writeError } from './error-response.js';
import { answeredId } from './request-id.js';
import { ensurePolicy } from './security-headers.js';

/** The one place where what routes throw becomes an error for the client. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger(ErrorFilter.name);

  constructor(private readonly describe: (error: unknown) => string = String) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const req = http.getRequest<Request>();
    const res = http.getResponse<Response>();
    const id = answeredId(res);
    const error = toHttpError(thrown, req, id);
    if (error.status >= 500 && error.code === 'INTERNAL') {
      this.logger.error(`${req.method} ${req.path} failed (${id}): ${this.describe(thrown)}`);
    }
    ensurePolicy(res); // an embedder's handler may have thrown
    writeError(res, error);
  }
}

/** Gives errors of middleware their meaning before Nest sees them: Nest 11 wraps some, and drops what they were. */
export const namedErrors: ErrorRequestHandler = (error: unknown, req, res, next) => {
  const named = toHttpError(error, req, answeredId(res));
  next(named.code === 'INTERNAL' ? error : named); // what is unknown is logged as it was thrown
};

/** The codes of what an extension throws in Nest's own way. */
const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'ROUTE_NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'RATE_LIMITED',
};

function toHttpError(thrown: unknown, req: Request, id: string | undefined): DomainError {
  if (thrown instanceof DomainError) return thrown;
  // Nest wraps what Express and its body parser throw; what it was says more.
  const origin = thrown instanceof HttpException ? (thrown.cause ?? thrown) : thrown;
  const { type, status, code } = Object(origin) as { type?: unknown; status?: unknown; code?: unknown };
  if (typeof code === 'string' && code.startsWith('Z_')) return bodyError('unpacking.failed', req);
  if (typeof type === 'string' && typeof status === 'number') return bodyError(type, req);
  if (origin instanceof URIError) {
    return new DomainError('INVALID_INPUT', 'The address holds a broken % sequence: encode it again.');
  }
  if (thrown instanceof HttpException) {
    const status = thrown.getStatus();
    if (status < 500)
      return new DomainError(CODE_OF_STATUS[status] ?? 'INVALID_INPUT', sentence(thrown.message));
  }
  return toDomainError(thrown, id);
}

/** What body-parser says, by the type of its error. */
function bodyError(type: string, req: Request): DomainError {
  switch (type) {
    case 'entity.parse.failed':
      return new DomainError('INVALID_JSON', 'The body is no valid JSON. Send one JSON object.');
    case 'entity.too.large':
      return new DomainError(
        'PAYLOAD_TOO_LARGE',
        'The body is larger than this server takes (server.maxBodyBytes). Send less.',
      );
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new DomainError(
        'UNSUPPORTED_MEDIA_TYPE',
        'The body is in an encoding that cannot be read. Send JSON in UTF-8.',
      );
    case 'request.aborted':
    case 'request.size.invalid':
      return new DomainError('INVALID_INPUT', 'The body ended before the length that its header names.');
    default:
      return new DomainError(
        'INVALID_INPUT',
        `The body of ${req.method} ${cutText(req.path, 100)} cannot be read.`,
      );
  }
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { Request, Response } from 'express';
import { DomainError, toDomainError } from './errors.js';
import { allowedMethods, pathOf } from './routes.js';

/** The one place where what was thrown becomes an HTTP answer. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger(ErrorFilter.name);

  constructor(private readonly describe: (error: unknown) => string = String) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const req = http.getRequest<Request>();
    const res = http.getResponse<Response>();
    const error = toHttpError(thrown, req, res);
    if (error.status >= 500 && error.code === 'INTERNAL') {
      this.logger.error(`${req.method} ${req.path} failed: ${this.describe(thrown)}`);
    }
    if (res.headersSent) {
      res.end(); // a stream had begun: there is no place left for an error
      return;
    }
    const after = retryAfter(error);
    if (after !== undefined) res.setHeader('retry-after', after);
    res.status(error.status).json(error.toBody());
  }
}

function retryAfter({ code }: DomainError): number | undefined {
  switch (code) {
    case 'DRAINING':
    case 'QUEUE_FULL':
    case 'RATE_LIMITED':
    case 'DATABASE_UNAVAILABLE':
      return 5;
    default:
      return undefined;
  }
}

function toHttpError(thrown: unknown, req: Request, res: Response): DomainError {
  if (thrown instanceof DomainError) return thrown;
  const { type, status } = thrown as { type?: unknown; status?: unknown };
  if (typeof type === 'string' && typeof status === 'number') return bodyError(type, req);
  if (thrown instanceof HttpException) {
    if (thrown.getStatus() === 404) return unknownRoute(req, res);
    if (thrown.getStatus() < 500) return new DomainError('INVALID_INPUT', `The request was refused: ${thrown.message}.`);
  }
  if (thrown instanceof URIError) {
    return new DomainError('INVALID_INPUT', 'The address holds a broken % sequence: encode it again.');
  }
  return toDomainError(thrown);
}

/** What body-parser says, by the type of its error. */
function bodyError(type: string, req: Request): DomainError {
  switch (type) {
    case 'entity.parse.failed':
      return new DomainError('INVALID_JSON', 'The body is no valid JSON. Send one JSON object.');
    case 'entity.too.large':
      return new DomainError('PAYLOAD_TOO_LARGE', 'The body is larger than this server takes (server.maxBodyBytes). Send less.');
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new DomainError('UNSUPPORTED_MEDIA_TYPE', 'The body is in an encoding that cannot be read. Send JSON in UTF-8.');
    case 'request.aborted':
    case 'request.size.invalid':
      return new DomainError('INVALID_INPUT', 'The body ended before the length that its header names.');
    default:
      return new DomainError('INVALID_INPUT', `The body of ${req.method} ${req.path.slice(0, 100)} cannot be read.`);
  }
}

function unknownRoute(req: Request, res: Response): DomainError {
  const where = `${req.method} ${pathOf(req).slice(0, 200)}`;
  const methods = allowedMethods(req);
  if (methods.length === 0) {
    return new DomainError('ROUTE_NOT_FOUND', `There is no ${where}. GET /api/docs lists all that there is.`);
  }
  res.setHeader('allow', methods.join(', '));
  return new DomainError('METHOD_NOT_ALLOWED', `${where} is not possible: use ${methods.join(' or ')}.`);
}

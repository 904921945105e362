import { APICallError } from '@ai-sdk/provider';
import { isErrorReport, readError } from './error-body.js';

/** Media types, in lower case, of answers that hold no stream whatever was asked for. */
const WHOLE = /^(application\/([\w.-]+\+)?json|text\/html|application\/(xhtml\+)?xml)\b/;

/** Whether an answer of this media type holds no stream. A missing or a wrong one may come with a stream. */
export const isNoStream = (contentType: string | null | undefined): boolean =>
  WHOLE.test((contentType ?? '').trim().toLowerCase());

/** An answer of status 2xx that was to be a stream: an error that some services report with 200, or something else. */
export function notAStream(
  url: string,
  statusCode: number,
  responseHeaders: Readonly<Record<string, string>>,
  body: string,
): APICallError {
  const type = responseHeaders['content-type'] || 'no content type';
  const page = body.trimStart().startsWith('<') ? readError(body).reason : undefined;
  return new APICallError({
    message: `it answered with ${type} instead of a stream${page ? `: ${page}` : ''}`,
    url,
    requestBodyValues: {},
    statusCode,
    responseHeaders: { ...responseHeaders },
    ...(isErrorReport(body) && { responseBody: body }),
  });
}

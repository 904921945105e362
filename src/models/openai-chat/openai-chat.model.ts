import { APICallError, type LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { isErrorReport, readError } from '../error-body.js';
import { parseForeignJson } from '../json.js';
import type { ModelConfig } from '../../config/index.js';
import type { Model, ModelRequest } from '../model.js';
import { isNoStream, notAStream } from '../not-a-stream.js';
import { ChatStream } from './chat-stream.js';
import { type AnswerHead, post, NoResponse } from './http-post.js';
import { toChatRequest } from './request.js';

/** Maximum of characters kept of an answer that is no stream: an error page, or a title. */
const MAX_BODY = 1_000_000;

/**
 * Client of OpenAI-compatible endpoints (`/chat/completions`) with minimal cost per token: one JSON.parse between the
 * socket and the event. It replaces the SDK's provider of the same name on the hot path.
 */
export class OpenAIChatModel implements Model {
  private readonly url: URL;
  private readonly headers: Readonly<Record<string, string>>;

  constructor(private readonly config: ModelConfig) {
    this.url = new URL(`${(config.baseURL ?? '').replace(/\/+$/, '')}/chat/completions`);
    this.headers = {
      'content-type': 'application/json',
      accept: 'text/event-stream, application/json',
      ...authorization(this.url, config),
    };
  }

  async stream(
    request: ModelRequest,
    signal: AbortSignal,
    take: (part: LanguageModelV3StreamPart) => void,
  ): Promise<void> {
    const stream = new ChatStream(take);
    let other: string | undefined; // the text of an answer that is no stream
    const head = await this.post(toChatRequest(this.config.id, request, true), signal, {
      head: ({ headers }) => {
        if (isNoStream(headers['content-type'])) other = '';
      },
      text: (text) => {
        if (other === undefined) stream.push(text);
        else other = bounded(other, text);
      },
    });
    if (other !== undefined) throw notAStream(this.url.href, head.status, head.headers, other);
    stream.end();
  }

  async generate(request: ModelRequest, signal: AbortSignal): Promise<string> {
    let body = '';
    const head = await this.post(toChatRequest(this.config.id, request, false), signal, {
      text: (text) => (body = bounded(body, text)),
    });
    const answer = parseJson(body) as { choices?: { message?: { content?: unknown } }[] } | undefined;
    const content = answer?.choices?.[0]?.message?.content;
    if (typeof content === 'string') return content;
    throw this.failed(head, 'its answer holds no message', isErrorReport(answer) ? body : undefined);
  }

  /** @throws APICallError for any answer but 2xx, and if there is none */
  private async post(
    json: string,
    signal: AbortSignal,
    answer: { head?(head: AnswerHead): void; text(text: string): void },
  ): Promise<AnswerHead> {
    let head: AnswerHead = { status: 0, headers: {} };
    let isOk = false;
    let refusal = '';
    try {
      await post(this.url, json, this.headers, signal, {
        head: (given) => {
          head = given;
          isOk = given.status < 300;
          if (isOk) answer.head?.(given);
        },
        text: (text) => {
          if (isOk) answer.text(text);
          else refusal = bounded(refusal, text);
        },
      });
    } catch (error) {
      throw error instanceof NoResponse ? this.unreachable(error) : error;
    }
    if (isOk) return head;
    throw this.failed(
      head,
      readError(refusal).reason ?? (refusal.slice(0, 300) || 'no reason given'),
      refusal,
    );
  }

  private failed({ status, headers }: AnswerHead, message: string, responseBody?: string): APICallError {
    return new APICallError({
      message,
      url: this.url.href,
      requestBodyValues: {},
      statusCode: status,
      responseHeaders: { ...headers },
      ...(responseBody !== undefined && { responseBody }),
    });
  }

  private unreachable({ message, cause }: NoResponse): APICallError {
    return new APICallError({ message, url: this.url.href, requestBodyValues: {}, cause });
  }
}

/** Authorization header from the key, or else from the URL's user. */
function authorization(url: URL, { apiKey }: ModelConfig): { authorization?: string } {
  if (apiKey) return { authorization: `Bearer ${apiKey.reveal()}` };
  if (url.username === '') return {};
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${Buffer.from(user).toString('base64')}` };
}

const bounded = (body: string, text: string): string => (body.length < MAX_BODY ? body + text : body);

function parseJson(text: string): unknown {
  try {
    return parseForeignJson(text);
  } catch {
    return undefined; // the caller reports the missing content
  }
}

import { APICallError, type LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { cutText } from '../../common/text.js';
import type { ModelConfig } from '../../config/index.js';
import { readError } from '../error-body.js';
import type { Model, ModelRequest } from '../model.js';
import { notAStream } from '../not-a-stream.js';
import { WholeBody, isEventStream } from './whole-body.js';
import { ChatStream } from './chat-stream.js';
import { errorIn } from './error-shape.js';
import { type Fields, fieldsOf } from './fields.js';
import { type AnswerHead, post, NoResponse } from './http-post.js';
import { ALL_FIELDS, withoutRefused } from './optional-fields.js';
import { toChatRequest } from './request.js';

/** A part for what shows only that the connection is alive. */
const ALIVE: LanguageModelV3StreamPart = { type: 'raw', rawValue: undefined };

/** Characters of an error without a message of its own. Secrets are masked before it is cut shorter. */
const MAX_REASON = 10_000;

/**
 * Client of OpenAI-compatible endpoints (`/chat/completions`) with minimal cost per token: one JSON.parse between the
 * socket and the event. It replaces the SDK's provider of the same name on the hot path.
 */
export class OpenAIChatModel implements Model {
  private readonly url: URL;
  private readonly headers: Readonly<Record<string, string>>;
  /** Fields that the service is asked with: what it has refused is left out of later requests. */
  private fields = ALL_FIELDS;

  constructor(private readonly config: ModelConfig) {
    this.url = new URL(config.baseURL ?? '');
    this.url.pathname = `${this.url.pathname.replace(/\/+$/, '')}/chat/completions`;
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
    const stream = new ChatStream(take, () => take(ALIVE));
    const body = new WholeBody();
    let mediaType = '';
    let isStream: boolean | undefined;
    const head = await this.send(request, true, signal, {
      head: ({ headers }) => {
        mediaType = headers['content-type'] ?? '';
        isStream = isEventStream(mediaType, '');
      },
      text: (text) => {
        if (isStream) return pushed(stream, text);
        body.push(text);
        isStream ??= isEventStream(mediaType, body.text);
        return isStream ? pushed(stream, body.text) : undefined;
      },
    });
    if (isStream) return stream.end();
    const answer = this.answerIn(body, head);
    if (!messageIn(answer)) throw notAStream(this.url.href, head.status, head.headers, body.text);
    stream.whole(answer, body.text);
  }

  async generate(request: ModelRequest, signal: AbortSignal): Promise<string> {
    const body = new WholeBody();
    const head = await this.send(request, false, signal, { text: (text) => void body.push(text) });
    const answer = this.answerIn(body, head);
    const { content, refusal } = messageIn(answer) ?? {};
    if (content === undefined || (content === null && !refusal)) {
      throw this.failed(head, 'its answer holds no message');
    }
    let text = '';
    const stream = new ChatStream((part) => (text += part.type === 'text-delta' ? part.delta : ''));
    stream.whole(answer, body.text);
    return text;
  }

  /** The answer in a body. @throws APICallError if the body is an error, although its status says 200 */
  private answerIn(body: WholeBody, head: AnswerHead): unknown {
    const { json } = body;
    if (errorIn(json) === undefined) return json;
    throw this.failed(head, reasonOf(body), body.text);
  }

  /** Sends a request, again without the fields that the service does not know. @throws APICallError */
  private async send(
    request: ModelRequest,
    stream: boolean,
    signal: AbortSignal,
    reader: AnswerReader,
  ): Promise<AnswerHead> {
    for (let { fields } = this; ;) {
      const refusal = new WholeBody();
      const json = toChatRequest(this.config.id, request, stream, fields);
      const head = await this.post(json, signal, reader, refusal);
      if (isOk(head)) return head;
      const fewer = withoutRefused(fields, head.status, refusal.text);
      if (!fewer) throw this.failed(head, reasonOf(refusal), refusal.text);
      this.fields = fields = fewer;
    }
  }

  /** @throws APICallError if there is no answer */
  private async post(
    json: string,
    signal: AbortSignal,
    reader: AnswerReader,
    refusal: WholeBody,
  ): Promise<AnswerHead> {
    let head: AnswerHead = { status: 0, headers: {} };
    try {
      await post(this.url, json, this.headers, signal, {
        head: (given) => {
          head = given;
          if (isOk(head)) reader.head?.(head);
        },
        text: (text) => (isOk(head) ? reader.text(text) : void refusal.push(text)),
      });
    } catch (error) {
      throw error instanceof NoResponse ? this.unreachable(error) : error;
    }
    return head;
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

/** Receives an answer of status 2xx; see `ResponseHandler`. */
interface AnswerReader {
  head?(head: AnswerHead): void;
  text(text: string): number | undefined;
}

const isOk = ({ status }: AnswerHead): boolean => status < 300;

function pushed(stream: ChatStream, text: string): number | undefined {
  stream.push(text);
  return stream.graceMs;
}

/** Authorization header from the key, or else from the URL's user. */
function authorization(url: URL, { apiKey }: ModelConfig): { authorization?: string } {
  if (apiKey) return { authorization: `Bearer ${apiKey.reveal()}` };
  if (url.username === '') return {};
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${Buffer.from(user).toString('base64')}` };
}

function messageIn(answer: unknown): Fields | undefined {
  const choices = fieldsOf(answer)?.['choices'];
  return Array.isArray(choices) ? fieldsOf(fieldsOf(choices[0])?.['message']) : undefined;
}

/** Reason of an error answer: its own message, if any. */
const reasonOf = ({ text }: WholeBody): string =>
  readError(text).reason ?? (cutText(text, MAX_REASON) || 'no reason given');

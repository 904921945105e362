import { APICallError, type LanguageModelV3StreamPart } from '@ai-sdk/provider';
import http from 'node:http';
import https from 'node:https';
import type { ModelConfig } from '../../../config/index.js';
import type { Model, ModelRequest } from '../model.js';
import { ChatStream } from './chat-stream.js';
import { toChatRequest } from './request.js';

/** More of an answer that is no stream is not read: an error page, or a title. */
const MAX_BODY = 1_000_000;

// One connection serves many requests; a silent one is given up by the loop's own timeouts.
const agents = {
  'http:': new http.Agent({ keepAlive: true }),
  'https:': new https.Agent({ keepAlive: true }),
};

/**
 * A client of OpenAI-compatible endpoints (`/chat/completions`) that costs as little per token as possible: one
 * JSON.parse between the socket and the event. It stands for the SDK's provider of the same name on the hot path.
 */
export class OpenAIChatModel implements Model {
  private readonly url: URL;

  constructor(private readonly config: ModelConfig) {
    this.url = new URL(`${(config.baseURL ?? '').replace(/\/+$/, '')}/chat/completions`);
  }

  async stream(
    request: ModelRequest,
    signal: AbortSignal,
    take: (part: LanguageModelV3StreamPart) => void,
  ): Promise<void> {
    const body = toChatRequest(this.config.id, request, true);
    const response = await this.post(body, signal);
    const type = response.headers['content-type'] ?? '';
    if (!type.includes('text/event-stream')) {
      response.destroy();
      throw this.failed(response, `it answered with ${type || 'no content type'} instead of a stream`);
    }
    const stream = new ChatStream(take);
    await read(response, (text) => stream.push(text));
    stream.end();
  }

  async generate(request: ModelRequest, signal: AbortSignal): Promise<string> {
    const response = await this.post(toChatRequest(this.config.id, request, false), signal);
    const answer = parseJson(await readAll(response)) as
      { choices?: { message?: { content?: unknown } }[] } | undefined;
    const content = answer?.choices?.[0]?.message?.content;
    if (typeof content !== 'string') throw this.failed(response, 'its answer holds no message');
    return content;
  }

  /** @throws APICallError for any answer but 2xx, and when there is none */
  private async post(body: object, signal: AbortSignal): Promise<http.IncomingMessage> {
    const { apiKey } = this.config;
    const json = JSON.stringify(body);
    const { protocol, request } =
      this.url.protocol === 'https:'
        ? { protocol: 'https:' as const, request: https.request }
        : { protocol: 'http:' as const, request: http.request };
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const sent = request(this.url, {
        method: 'POST',
        agent: agents[protocol],
        signal,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(json),
          accept: 'text/event-stream, application/json',
          ...(apiKey && { authorization: `Bearer ${apiKey.reveal()}` }),
        },
      });
      // An answer that switches protocols is neither a response nor an error.
      const closed = () => reject(this.unreachable(new Error('the connection was closed')));
      sent.once('close', closed);
      sent.once('response', (answer) => {
        sent.off('close', closed);
        resolve(answer);
      });
      sent.once('error', (error) => reject(signal.aborted ? error : this.unreachable(error)));
      sent.end(json);
    });
    const { statusCode = 0 } = response;
    if (statusCode >= 200 && statusCode < 300) return response;
    throw this.failed(response, reasonOf(await readAll(response)), statusCode);
  }

  private failed({ headers }: http.IncomingMessage, message: string, statusCode = 200): APICallError {
    return new APICallError({
      message,
      url: this.url.href,
      requestBodyValues: {},
      statusCode,
      responseHeaders: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, String(value)]),
      ),
    });
  }

  private unreachable(cause: NodeJS.ErrnoException): APICallError {
    return new APICallError({
      message: cause.code ?? cause.message,
      url: this.url.href,
      requestBodyValues: {},
      cause,
    });
  }
}

/** Hands on the text as it comes. Rejects when the connection breaks, and with what `take` throws. */
function read(response: http.IncomingMessage, take: (text: string) => void): Promise<void> {
  response.setEncoding('utf8');
  return new Promise((resolve, reject) => {
    response.on('data', (text: string) => {
      try {
        take(text);
      } catch (error) {
        response.destroy();
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    const closed = () => reject(new TypeError('terminated'));
    response.once('close', closed);
    response.once('end', () => {
      response.off('close', closed);
      resolve();
    });
    response.once('error', reject);
  });
}

async function readAll(response: http.IncomingMessage): Promise<string> {
  let all = '';
  await read(response, (text) => {
    if (all.length < MAX_BODY) all += text;
  });
  return all;
}

/** What an error answer says, in its own words if it has some. */
function reasonOf(body: string): string {
  const { error, message } = (parseJson(body) ?? {}) as { error?: unknown; message?: unknown };
  const text = (error as { message?: unknown } | undefined)?.message ?? error ?? message;
  if (typeof text === 'string') return text;
  return body.startsWith('<') ? 'an HTML page' : body.slice(0, 300) || 'no reason given';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // the caller says what it had hoped for
  }
}

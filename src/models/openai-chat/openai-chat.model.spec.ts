import type { LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import http from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { OpenAIChatModel } from './openai-chat.model.js';

const chunk = (delta: object, finish_reason: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ delta, finish_reason }] })}\n\n`;

const TEXT = 'Grüße: 👋🏽 你好 €';
const ANSWER = Buffer.from(
  chunk({ content: TEXT }) +
    chunk({
      tool_calls: [{ index: 0, id: 'a', function: { name: 'read', arguments: '{"path":"ü.txt"}' } }],
    }) +
    chunk({}, 'tool_calls') +
    'data: [DONE]\n\n',
);

describe('the client of /chat/completions', () => {
  let answer: (res: http.ServerResponse) => void;
  const paths: (string | undefined)[] = [];
  const bodies: Record<string, unknown>[] = [];
  const authorizations: (string | undefined)[] = [];
  const server = http.createServer((req, res) => {
    paths.push(req.url);
    authorizations.push(req.headers.authorization);
    let body = '';
    req.on('data', (text) => (body += String(text)));
    req.once('end', () => {
      bodies.push(JSON.parse(body) as Record<string, unknown>);
      answer(res);
    });
  });
  let model: OpenAIChatModel;

  const client = (path: string, user = '', { port } = server.address() as AddressInfo) =>
    new OpenAIChatModel({
      provider: 'openai-compatible',
      id: 'm',
      displayName: 'M',
      baseURL: `http://${user}127.0.0.1:${port}${path}`,
      firstTokenTimeoutMs: 1_000,
      idleTimeoutMs: 1_000,
      maxAnswerChars: 4_000_000,
    });

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    model = client('/v1');
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  async function stream(signal = new AbortController().signal): Promise<LanguageModelV3StreamPart[]> {
    const parts: LanguageModelV3StreamPart[] = [];
    await model.stream({ prompt: [] }, signal, (part) => parts.push(part));
    return parts;
  }

  /** Answers with each piece as an HTTP chunk of its own. */
  const send = (...pieces: Buffer[]) => {
    answer = (res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const piece of pieces) if (piece.length > 0) res.write(piece);
      res.end();
    };
  };

  /** Another model with a server of its own, whose connections are counted. */
  async function another() {
    const opened: Socket[] = [];
    const own = http
      .createServer((req, res) => void req.resume().once('end', () => answer(res)))
      .on('connection', (socket) => opened.push(socket));
    own.listen(0, '127.0.0.1');
    await once(own, 'listening');
    const asked = client('/v1', '', own.address() as AddressInfo);
    return {
      opened,
      own,
      ask: (signal = new AbortController().signal) => asked.stream({ prompt: [] }, signal, () => undefined),
      stop: () => {
        own.closeAllConnections();
        own.close();
      },
    };
  }

  it('reads the same wherever the bytes are cut, in the middle of a character too', async () => {
    send(ANSWER);
    const expected = await stream();
    expect(expected[0]).toEqual({ type: 'text-delta', id: 'text', delta: TEXT });
    expect(expected.map(({ type }) => type)).toEqual([
      'text-delta',
      'tool-input-start',
      'tool-input-delta',
      'tool-call',
      'finish',
    ]);
    for (let at = 1; at < ANSWER.length; at++) {
      send(ANSWER.subarray(0, at), ANSWER.subarray(at));
      expect(await stream()).toEqual(expected);
    }
    send(...Array.from(ANSWER, (byte) => Buffer.from([byte])));
    expect(await stream()).toEqual(expected);
  });

  it.each(['/v1', '/v1/', '/v1//'])('finds its path behind %s', async (path) => {
    send(ANSWER);
    await client(path).stream({ prompt: [] }, new AbortController().signal, () => undefined);
    expect(paths.at(-1)).toBe('/v1/chat/completions');
  });

  it('keeps the query of its URL', async () => {
    send(ANSWER);
    await client('/v1/?api-version=2024-10-21').stream(
      { prompt: [] },
      new AbortController().signal,
      () => undefined,
    );
    expect(paths.at(-1)).toBe('/v1/chat/completions?api-version=2024-10-21');
  });

  it.each([
    ['', undefined],
    ['ann:p%40ss@', `Basic ${Buffer.from('ann:p@ss').toString('base64')}`],
  ])('without a key is the user that its URL names: %s', async (user, authorization) => {
    send(ANSWER);
    await client('/v1', user).stream({ prompt: [] }, new AbortController().signal, () => undefined);
    expect(authorizations.at(-1)).toBe(authorization);
  });

  it('asks nobody once it has been aborted', async () => {
    const before = paths.length;
    await expect(stream(AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
    send(ANSWER);
    await stream();
    expect(paths.length).toBe(before + 1);
  });

  it('ends with what its reader throws, and closes the connection', async () => {
    let closed: Promise<unknown> | undefined;
    answer = (res) => {
      closed = once(res, 'close');
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunk({ content: 'Half' }));
    };
    const refused = model.stream({ prompt: [] }, new AbortController().signal, () => {
      throw new RangeError('enough');
    });
    await expect(refused).rejects.toThrow(new RangeError('enough'));
    await closed;
  });

  it('ends with the abort, before the headers and after', async () => {
    const controllers = [new AbortController(), new AbortController()];
    answer = () => controllers[0]?.abort();
    await expect(stream(controllers[0]?.signal)).rejects.toMatchObject({ name: 'AbortError' });
    let closed: Promise<unknown> | undefined;
    answer = (res) => {
      closed = once(res, 'close');
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunk({ content: 'Half' }));
    };
    const cut = model.stream({ prompt: [] }, controllers[1]?.signal as AbortSignal, () =>
      controllers[1]?.abort(),
    );
    await expect(cut).rejects.toThrow();
    await closed;
  });

  it('goes on after a reader that threw at an answer which had come whole', async () => {
    send(ANSWER);
    const refused = model.stream({ prompt: [] }, new AbortController().signal, () => {
      throw new RangeError('enough');
    });
    await expect(refused).rejects.toThrow(new RangeError('enough'));
    await expect(stream()).resolves.toContainEqual(expect.objectContaining({ type: 'finish' }));
  });

  it('opens no connection for nothing: one serves request after request, none replaces one that was aborted', async () => {
    const { own, opened, ask, stop } = await another();
    send(ANSWER);
    await ask();
    await ask();
    expect(opened).toHaveLength(1);
    // A request with an aborted signal does not close the idle connection.
    await expect(ask(AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
    await ask();
    expect(opened).toHaveLength(1);

    const both = [new AbortController(), new AbortController()];
    const closed: Promise<unknown>[] = [];
    answer = (res) => {
      closed.push(once(res, 'close'));
      if (closed.length === both.length) for (const controller of both) controller.abort();
    };
    await Promise.allSettled(both.map(({ signal }) => ask(signal)));
    await Promise.all(closed);
    expect(opened).toHaveLength(2);

    send(ANSWER);
    await ask();
    // Connections opened meanwhile are accepted before this one.
    const last = connect((own.address() as AddressInfo).port, '127.0.0.1');
    await once(own, 'connection');
    last.destroy();
    expect(opened).toHaveLength(4);
    stop();
  });

  it('keeps 256 connections, however many there were at once', async () => {
    const { opened, ask, stop } = await another();
    const waiting: http.ServerResponse[] = [];
    const all = new Promise<void>((resolve) => {
      answer = (res) => void (waiting.push(res) === 260 && resolve());
    });
    const asked = Promise.all(Array.from({ length: 260 }, () => ask()));
    await all;
    expect(opened).toHaveLength(260);
    const hungUp = new Promise<void>((resolve) => {
      let left = 4;
      for (const socket of opened) socket.once('close', () => void (--left === 0 && resolve()));
    });
    send(ANSWER);
    for (const res of waiting) answer(res);
    await asked;
    await hungUp;
    await ask();
    expect(opened.filter(({ destroyed }) => !destroyed)).toHaveLength(256);
    expect(opened).toHaveLength(260);
    stop();
  });

  it('fails when the endpoint switches to another protocol instead of answering', async () => {
    answer = (res) => res.socket?.end('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
    await expect(stream()).rejects.toMatchObject({
      name: 'AI_APICallError',
      message: 'the connection was closed',
    });
  });

  describe('that is refused a field which the service does not know', () => {
    const openAI = (field: string, hint = '') => ({
      error: {
        message: `Unsupported parameter: '${field}' is not supported with this model.${hint}`,
        type: 'invalid_request_error',
        param: field,
        code: 'unsupported_parameter',
      },
    });
    const mistral = (field: string) => ({
      object: 'error',
      message: {
        detail: [{ type: 'extra_forbidden', loc: ['body', field], msg: 'Extra inputs are not permitted' }],
      },
    });

    /** Asks twice; the service refuses the fields with these bodies. Returns the requests' fields. */
    async function asked(refusals: Readonly<Record<string, object>>, status: number): Promise<string[][]> {
      const before = bodies.length;
      answer = (res) => {
        const field = Object.keys(refusals).find((each) => each in (bodies.at(-1) ?? {}));
        if (field) return res.writeHead(status).end(JSON.stringify(refusals[field]));
        res.writeHead(200, { 'content-type': 'text/event-stream' }).end(ANSWER);
      };
      const own = client('/v1');
      for (let i = 0; i < 2; i++) {
        const { signal } = new AbortController();
        await own.stream({ prompt: [], maxOutputTokens: 9 }, signal, () => undefined);
      }
      const known = ['max_tokens', 'max_completion_tokens', 'stream_options'];
      return bodies.slice(before).map((body) => known.filter((field) => field in body));
    }

    it('asks again without it, and leaves it out from then on', async () => {
      expect(await asked({ stream_options: mistral('stream_options') }, 422)).toEqual([
        ['max_tokens', 'stream_options'],
        ['max_tokens'],
        ['max_tokens'],
      ]);
    });

    it('calls max_tokens by its other name, then leaves the limit out', async () => {
      const hint = " Use 'max_completion_tokens' instead.";
      expect(await asked({ max_tokens: openAI('max_tokens', hint) }, 400)).toEqual([
        ['max_tokens', 'stream_options'],
        ['max_completion_tokens', 'stream_options'],
        ['max_completion_tokens', 'stream_options'],
      ]);
      const refusals = {
        max_tokens: mistral('max_tokens'),
        max_completion_tokens: mistral('max_completion_tokens'),
        stream_options: mistral('stream_options'),
      };
      expect(await asked(refusals, 422)).toEqual([
        ['max_tokens', 'stream_options'],
        ['max_completion_tokens', 'stream_options'],
        ['stream_options'],
        [],
        [],
      ]);
    });

    it('asks again for each of several requests that were under way', async () => {
      const waiting: (() => void)[] = [];
      const answered = (res: http.ServerResponse, body = bodies.at(-1) ?? {}) => {
        if ('stream_options' in body) res.writeHead(422).end(JSON.stringify(mistral('stream_options')));
        else res.writeHead(200, { 'content-type': 'text/event-stream' }).end(ANSWER);
      };
      answer = (res) => {
        const body = bodies.at(-1);
        waiting.push(() => answered(res, body));
        if (waiting.length < 2) return;
        answer = answered;
        for (const each of waiting) each();
      };
      const own = client('/v1');
      const { signal } = new AbortController();
      await Promise.all([1, 2].map(() => own.stream({ prompt: [] }, signal, () => undefined)));
    });

    it.each([
      [400, 'max_tokens is too large: 9. This model supports at most 8 completion tokens.'],
      [400, 'Unsupported parameter: "tools".'],
      [404, 'max_tokens is not supported.'],
    ])('fails with any other refusal: %i %s', async (status, message) => {
      const before = bodies.length;
      await expect(asked({ max_tokens: { error: { message } } }, status)).rejects.toMatchObject({ message });
      expect(bodies).toHaveLength(before + 1);
    });
  });

  it('takes an answer that is done although its connection stays open, and closes that', async () => {
    let closed: Promise<unknown> | undefined;
    answer = (res) => {
      closed = once(res, 'close');
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write(ANSWER);
    };
    expect((await stream()).at(-1)).toMatchObject({ type: 'finish' });
    await closed;
  });

  it('takes an answer that is done although its connection breaks', async () => {
    answer = (res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write(ANSWER, () => res.destroy());
    };
    expect((await stream()).at(-1)).toMatchObject({ type: 'finish' });
  });

  it.each([undefined, 'application/json', 'text/plain', 'TEXT/EVENT-STREAM'])(
    'knows a stream by how it begins where its media type is %s',
    async (type) => {
      answer = (res) => {
        res.writeHead(200, type ? { 'content-type': type } : {});
        for (const byte of `\n${ANSWER.toString()}`) res.write(byte);
        res.end();
      };
      expect((await stream()).at(-1)).toMatchObject({ type: 'finish' });
    },
  );

  it('takes a whole answer in the place of a stream', async () => {
    const message = { role: 'assistant', content: '<think>Hm.</think>Yes.' };
    const usage = { prompt_tokens: 7, completion_tokens: 3 };
    answer = (res) =>
      res
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ choices: [{ message }], usage }));
    const parts = await stream();
    expect(parts.filter(({ type }) => type === 'text-delta')).toMatchObject([{ delta: 'Yes.' }]);
    expect(parts.at(-1)).toMatchObject({ type: 'finish', usage: { outputTokens: { total: 3 } } });
  });

  it('fails with the error that stands in the place of an answer, and hands on its body', async () => {
    const error = { message: 'Provider returned error', code: 502 };
    answer = (res) =>
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
    const expected = {
      name: 'AI_APICallError',
      message: 'Provider returned error',
      responseBody: JSON.stringify({ error }),
    };
    await expect(stream()).rejects.toMatchObject(expected);
    await expect(model.generate({ prompt: [] }, new AbortController().signal)).rejects.toMatchObject(
      expected,
    );
  });

  it.each([
    ['{"error":{"message":"no such model"}}', 'no such model'],
    ['[{"error":{"code":404,"message":"no such model","status":"NOT_FOUND"}}]', 'no such model'],
    ['{"detail":"no such model"}', 'no such model'],
    ['{"error":"no such model"}', 'no such model'],
    ['{"message":"no such model"}', 'no such model'],
    ['no such model', 'no such model'],
    ['<html><body>Not Found</body></html>', 'an HTML page'],
    ['', 'no reason given'],
  ])('fails with what an error says: %s', async (body, message) => {
    answer = (res) => res.writeHead(404).end(body);
    await expect(stream()).rejects.toMatchObject({ name: 'AI_APICallError', statusCode: 404, message });
  });

  it.each([
    ['a message', { choices: [{ message: { role: 'assistant', content: 'A title' } }] }, 'A title'],
    ['an empty message', { choices: [{ message: { content: '' } }] }, ''],
    [
      'a message with thinking',
      { choices: [{ message: { content: '<think>Hm.</think>\n\nA title' } }] },
      'A title',
    ],
    [
      'a message in parts',
      { choices: [{ message: { content: [{ type: 'text', text: 'A title' }] } }] },
      'A title',
    ],
  ])('gives the text of %s', async (_what, body, text) => {
    answer = (res) => res.writeHead(200).end(JSON.stringify(body));
    expect(await model.generate({ prompt: [] }, new AbortController().signal)).toBe(text);
  });

  it.each(['{"choices":[]}', '{"choices":[{"message":{"content":null}}]}', 'null', '<html>', ''])(
    'fails when a whole answer holds no message: %s',
    async (body) => {
      answer = (res) => res.writeHead(200).end(body);
      const failed = model.generate({ prompt: [] }, new AbortController().signal);
      await expect(failed).rejects.toThrow('its answer holds no message');
    },
  );
});

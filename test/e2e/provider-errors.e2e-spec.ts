import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AnthropicReply, GoogleReply, ResponsesReply } from '../support/provider-replies.js';
import {
  KEY,
  ofType,
  type ProviderSetup,
  startAnthropic,
  startGoogle,
  startResponses,
  stored,
} from '../support/provider-setup.js';
import type { Play, ProviderReply } from '../support/provider-stub.js';

type Case<Reply> = readonly [what: string, message: RegExp, code: string, play: Play<Reply>];
type GoodCase<Reply> = readonly [what: string, play: Play<Reply>];

const inJson =
  (status: number, body: unknown): Play<ProviderReply> =>
  (reply) =>
    reply.raw(status, 'application/json', JSON.stringify(body));
const page: Play<ProviderReply> = (reply) => reply.raw(200, 'text/html', '<title>Log in</title>');

/** What holds for every dialect: each error once, and what may pass asked again. */
function describeErrors<Reply extends ProviderReply>(
  dialect: string,
  start: () => Promise<ProviderSetup<Reply>>,
  final: readonly Case<Reply>[],
  passing: readonly GoodCase<Reply>[],
  whole: readonly GoodCase<Reply>[],
): void {
  describe(dialect, () => {
    let setup: ProviderSetup<Reply>;

    beforeAll(async () => {
      setup = await start();
    });
    afterAll(() => setup.stop());

    it.each(final)(
      'says once what is wrong, and is not asked again: %s',
      async (_what, message, code, play) => {
        const { events, requests, raw } = await setup.ask([play]);
        const errors = ofType(events, 'system');
        expect(errors).toMatchObject([{ level: 'error', details: { code } }]);
        expect(errors[0]?.['message']).toMatch(message);
        expect(requests).toHaveLength(1);
        expect(events.at(-1)).toMatchObject({ status: 'error' });
        expect(ofType(events, 'tool_call')).toEqual([]);
        expect(raw).not.toContain(KEY);
      },
    );

    it.each(passing)('is asked again after %s', async (_what, play) => {
      const { events, requests } = await setup.ask([play, (reply) => reply.text('Here I am.').end()]);
      expect(requests).toHaveLength(2);
      expect(ofType(stored(events), 'assistant_message')).toMatchObject([{ content: 'Here I am.' }]);
      expect(events.at(-1)).toMatchObject({ status: 'completed' });
    });

    it.each(whole)('has answered when %s', async (_what, play) => {
      const { events, requests } = await setup.ask([play]);
      expect(requests).toHaveLength(1);
      const usage = { inputTokens: 11, outputTokens: 5 };
      expect(ofType(events, 'assistant_message')).toMatchObject([
        { content: 'Hello', finishReason: 'stop', usage },
      ]);
      expect(events.at(-1)).toMatchObject({ status: 'completed' });
    });
  });
}

const anthropic = (type: string, message: string) => ({ type: 'error', error: { type, message } });
const stops = (stop_reason: string, more: object = {}) => ({
  type: 'message_delta',
  delta: { stop_reason, stop_sequence: null, ...more },
  usage: { output_tokens: 5 },
});

describeErrors<AnthropicReply>(
  "Anthropic's Messages API",
  startAnthropic,
  [
    [
      'a bad key',
      /refused the key \(401\): invalid x-api-key\. Check model\.apiKey\.$/,
      'MODEL_AUTH',
      inJson(401, anthropic('authentication_error', 'invalid x-api-key')),
    ],
    [
      'a bad key, told within the stream',
      /refused the key \(\d+\): invalid x-api-key\./,
      'MODEL_AUTH',
      (reply) => reply.error('invalid x-api-key', 'authentication_error'),
    ],
    [
      'no credit',
      /no money left \(400\): Your credit balance is too low\. Add credit/,
      'MODEL_ERROR',
      inJson(400, anthropic('invalid_request_error', 'Your credit balance is too low')),
    ],
    [
      'a bad request, told within the stream',
      /reported an error \(\d+\): prompt is too long\.$/,
      'MODEL_ERROR',
      (reply) => reply.error('prompt is too long', 'invalid_request_error'),
    ],
    [
      'an error of a gateway before it',
      /answered 404: No such route\.$/,
      'MODEL_ERROR',
      inJson(404, { detail: 'No such route' }),
    ],
    [
      'a page of a gateway',
      /answered 200: it answered with text\/html instead of a stream: .*"Log in"/,
      'MODEL_ERROR',
      page,
    ],
    [
      'a refusal, whatever it had called',
      /gave no whole answer: it ended with refusal: Not this\.$/,
      'MODEL_ERROR',
      (reply) =>
        reply
          .toolCall('toolu_1', 'read_file', { path: 'note.txt' })
          .events(stops('refusal', { stop_details: { type: 'refusal', explanation: 'Not this.' } }), {
            type: 'message_stop',
          })
          .hangUp(),
    ],
    [
      'an answer that it broke off itself',
      /failed in the middle of its answer: Overloaded\.$/,
      'MODEL_ERROR',
      (reply) => reply.text('Half').error('Overloaded'),
    ],
  ],
  [
    ['an error of status 200 in JSON', inJson(200, anthropic('api_error', 'Internal server error'))],
    ['an overloaded answer of status 200', (reply) => reply.error('Overloaded')],
    ['a pause of its turn', (reply) => reply.end('pause_turn')],
  ],
  [
    [
      'it says so, and hangs up before message_stop',
      (reply) => reply.text('Hello').events(stops('end_turn')).hangUp(),
    ],
    [
      'it says so, and the connection breaks before message_stop',
      async (reply) => {
        reply.text('Hello').events(stops('end_turn'));
        await flushed();
        reply.cut();
      },
    ],
    [
      'the connection stays open after message_stop',
      (reply) => void reply.text('Hello').events(stops('end_turn'), { type: 'message_stop' }),
    ],
    [
      'the connection stays open without message_stop',
      (reply) => void reply.text('Hello').events(stops('end_turn')),
    ],
    [
      'a tool of its own ran in between',
      (reply) =>
        reply
          .events(
            {
              type: 'message_start',
              message: {
                id: 'm',
                model: 'claude',
                content: [],
                usage: { input_tokens: 11, output_tokens: 1 },
              },
            },
            {
              type: 'content_block_start',
              index: 0,
              content_block: { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} },
            },
            {
              type: 'content_block_delta',
              index: 0,
              delta: { type: 'input_json_delta', partial_json: '{"query":"x"}' },
            },
            { type: 'content_block_stop', index: 0 },
            { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
            { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Hello' } },
            { type: 'content_block_stop', index: 1 },
            stops('end_turn'),
            { type: 'message_stop' },
          )
          .hangUp(),
    ],
  ],
);

const google = (code: number, status: string, message: string, ...details: object[]) => ({
  error: { code, status, message, details },
});
const USAGE = { promptTokenCount: 11, candidatesTokenCount: 5, totalTokenCount: 16 };
const ends = (finishReason: string, finishMessage?: string) => ({
  candidates: [{ index: 0, finishReason, ...(finishMessage && { finishMessage }) }],
  usageMetadata: USAGE,
});

describeErrors<GoogleReply>(
  "Google's API",
  startGoogle,
  [
    [
      'a bad key',
      /refused the key \(400\): API key not valid\./,
      'MODEL_AUTH',
      (reply) => reply.refuseKey('API key not valid.'),
    ],
    [
      'a list of errors',
      /answered 400: Function call is missing a thought_signature\.$/,
      'MODEL_ERROR',
      inJson(400, [google(400, 'INVALID_ARGUMENT', 'Function call is missing a thought_signature')]),
    ],
    [
      'a list of errors that begins with a bad key',
      /refused the key \(400\): API key expired\./,
      'MODEL_AUTH',
      inJson(400, [google(400, 'INVALID_ARGUMENT', 'API key expired.', { reason: 'API_KEY_INVALID' })]),
    ],
    [
      'a quota of the day',
      /limits the rate \(429\): You exceeded your current quota\.$/,
      'MODEL_RATE_LIMITED',
      inJson(
        429,
        google(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota.', {
          violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier' }],
        }),
      ),
    ],
    [
      'an error in the middle of the answer',
      /failed in the middle of its answer: The model is overloaded\.$/,
      'MODEL_ERROR',
      (reply) => reply.text('Half').error('The model is overloaded.'),
    ],
    [
      'an answer that ends for another reason in the middle',
      /gave no whole answer: it ended with OTHER\.$/,
      'MODEL_ERROR',
      (reply) => reply.text('Half').end('OTHER'),
    ],
    [
      'a page of a gateway',
      /it answered with text\/html instead of a stream: .*"Log in"/,
      'MODEL_ERROR',
      page,
    ],
  ],
  [
    [
      'a call that it could not write',
      (reply) => reply.events(ends('MALFORMED_FUNCTION_CALL', 'Malformed function call: print(x)')).hangUp(),
    ],
    ['an end for another reason', (reply) => reply.end('OTHER')],
    ['a call of a tool that it has not got', (reply) => reply.end('UNEXPECTED_TOOL_CALL')],
    ['an error first in the stream', (reply) => reply.error('The model is overloaded.')],
    ['an error of status 200 in JSON', inJson(200, [google(503, 'UNAVAILABLE', 'Overloaded')])],
  ],
  [
    ['it says so, and the connection stays open', (reply) => void reply.text('Hello').events(ends('STOP'))],
    [
      'it says so, and the connection breaks',
      async (reply) => {
        reply.text('Hello').events(ends('STOP'));
        await flushed();
        reply.cut();
      },
    ],
  ],
);

const responses = (message: string, type: string, code: string | null = null) => ({
  error: { message, type, param: null, code },
});
const completed = (more: object = {}, type = 'response.completed') => ({
  type,
  response: { usage: { input_tokens: 11, output_tokens: 5 }, ...more },
});

describeErrors<ResponsesReply>(
  "OpenAI's Responses API",
  startResponses,
  [
    [
      'a bad key',
      /refused the key \(401\): Incorrect API key provided\./,
      'MODEL_AUTH',
      inJson(401, responses('Incorrect API key provided', 'invalid_request_error', 'invalid_api_key')),
    ],
    [
      'no money',
      /no money left \(429\): You exceeded your current quota\./,
      'MODEL_ERROR',
      inJson(429, responses('You exceeded your current quota', 'insufficient_quota', 'insufficient_quota')),
    ],
    [
      'no money, told within the stream',
      /no money left \(429\): You exceeded your current quota\./,
      'MODEL_ERROR',
      (reply) =>
        reply
          .events({
            type: 'error',
            code: 'insufficient_quota',
            message: 'You exceeded your current quota',
            param: null,
            sequence_number: 0,
          })
          .hangUp(),
    ],
    [
      'a failed response, in the middle',
      /failed in the middle of its answer: Out of luck\.$/,
      'MODEL_ERROR',
      (reply) => reply.text('Half').failResponse('Out of luck'),
    ],
    [
      'an incomplete response for a reason of its own',
      /gave no whole answer: it ended with interrupted\.$/,
      'MODEL_ERROR',
      (reply) =>
        reply
          .text('Half')
          .events(completed({ incomplete_details: { reason: 'interrupted' } }, 'response.incomplete'))
          .hangUp(),
    ],
  ],
  [
    ['a failed response', (reply) => reply.failResponse('The server had an error')],
    ['an error first in the stream', (reply) => reply.error('The server had an error')],
    ['an error of status 200 in JSON', inJson(200, responses('The server had an error', 'server_error'))],
  ],
  [['the connection stays open after its end', (reply) => void reply.text('Hello').events(completed())]],
);

/** What was written has left by then: the kernel sends it before the reset. */
function flushed(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

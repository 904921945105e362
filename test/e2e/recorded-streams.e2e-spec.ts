import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import type { RunContext } from '../../src/agent/index.js';
import { ToolLoopAgent } from '../../src/agent/tool-loop.agent.js';
import type { AnyTool, ModelInput } from '../../src/index.js';
import type { AnyEvent } from '../support/client.js';
import { badAnthropicIds, calledNames, isValidName } from '../support/provider-rules.js';
import { ofType, responsesModel, stored } from '../support/provider-setup.js';
import type { ProviderRequest } from '../support/provider-stub.js';
import { type Expected, type RecordedCase, recordedCases } from '../support/recorded-cases.js';
import { RecordedProvider } from '../support/recorded-provider.js';
import { TestServer } from '../support/test-server.js';

/** What came of a case: one query, and another one in the same session. */
interface Outcome {
  readonly events: readonly AnyEvent[];
  /** Requests of the first query. */
  readonly requests: readonly ProviderRequest[];
  /** First request of the second query, and how that query ended. */
  readonly next: ProviderRequest | undefined;
  readonly nextStatus: unknown;
}

const PROVIDERS = {
  chat: 'openai-compatible',
  anthropic: 'anthropic',
  google: 'google',
  responses: 'openai-compatible',
} as const;

const weather: AnyTool = {
  name: 'weather',
  description: 'Tells the weather.',
  parameters: { properties: { city: { type: 'string' } } },
  execute: async () => 'sunny',
};

describe('a recorded answer of a provider', () => {
  let app: TestServer;
  let provider: RecordedProvider;
  const outcomes = new Map<string, Promise<Outcome>>();

  beforeAll(async () => {
    provider = await RecordedProvider.start(recordedCases);
    const model = (name: string, more: ModelInput): ModelInput => ({
      id: name,
      apiKey: 'key-sentinel-4711',
      baseURL: provider.urlOf(name),
      ...more,
    });
    const models = recordedCases.flatMap(({ name, kind, keepalive, end, switchTo }) => [
      model(name, {
        provider: PROVIDERS[kind],
        ...(keepalive !== undefined && { firstTokenTimeoutMs: 1_000 }),
        ...(end === 'hang' && { idleTimeoutMs: 10_000 }),
      }),
      ...(switchTo ? [model(name, { provider: switchTo })] : []),
    ]);
    app = await TestServer.start({
      config: { tools: [weather], server: { models } },
      extensions: { agent: agentAsking(provider) },
    });
    // All at once: some wait before they ask again.
    for (const each of recordedCases) outcomes.set(each.name, play(each));
    for (const outcome of outcomes.values()) outcome.catch(() => undefined); // told by its own test
  });
  afterAll(async () => {
    await app.stop();
    await provider.stop();
  });

  async function play({ name, kind, switchTo }: RecordedCase): Promise<Outcome> {
    const sessionId = await app.createSession();
    await app.post('/api/sessions/model', { sessionId, model: { provider: PROVIDERS[kind], id: name } });
    const events = stored(await (await app.stream(sessionId, 'first')).ended);
    const requests = [...provider.requestsOf(name)];
    if (switchTo)
      await app.post('/api/sessions/model', { sessionId, model: { provider: switchTo, id: name } });
    const later = await (await app.stream(sessionId, 'second')).ended;
    const next = provider.requestsOf(name)[requests.length];
    return { events, requests, next, nextStatus: later.at(-1)?.['status'] };
  }

  const right = recordedCases.filter(({ notYet }) => !notYet);
  const wrong = recordedCases.filter(({ notYet }) => notYet);

  it.each(right)('is understood: $name', async (each) => {
    requireExpected((await outcomes.get(each.name)) as Outcome, each);
  });

  if (wrong.length > 0) {
    it.failing.each(wrong)('is not understood yet: $name', async (each) => {
      requireExpected((await outcomes.get(each.name)) as Outcome, each);
    });
  }
});

/** An agent that asks OpenAI's Responses API where the case says so: a base URL means /chat/completions otherwise. */
function agentAsking(provider: RecordedProvider): typeof ToolLoopAgent {
  @Injectable()
  class RecordedAgent extends ToolLoopAgent {
    override run(turn: RunContext): Promise<void> {
      const { id } = turn.modelConfig;
      const { kind } = recordedCases.find(({ name }) => name === id) ?? {};
      if (kind !== 'responses') return super.run(turn);
      return super.run({ ...turn, model: responsesModel(provider.urlOf(id).replace(/\/v1$/, '')) });
    }
  }
  return RecordedAgent;
}

function requireExpected(outcome: Outcome, { expected, providerRule }: RecordedCase): void {
  const { events, requests, next, nextStatus } = outcome;
  expect(answerOf(events, expected)).toEqual(wanted(expected));
  const results = ofType(events, 'tool_result');
  if (expected.rawArgs !== undefined) {
    expect(JSON.stringify(ofType(events, 'tool_call'))).toContain(expected.rawArgs);
  }
  if (expected.toolOk) expect(results).toMatchObject([{ content: 'sunny' }]);
  if (expected.notRun) expect(results.filter(({ error }) => error === undefined)).toEqual([]);
  if (expected.errorIncludes !== undefined) {
    expect(ofType(events, 'system')).toMatchObject([
      { message: expect.stringContaining(expected.errorIncludes) },
    ]);
  }
  if (expected.retried) expect(requests.length).toBeGreaterThan(1);
  if (expected.notRetried) expect(requests).toHaveLength(1);
  if (expected.validNames) {
    const names = [...requests, ...(next ? [next] : [])].flatMap(({ body }) => calledNames(body));
    expect(names.filter((name) => !isValidName(name))).toEqual([]);
  }
  if (expected.valid) expect(badAnthropicIds(next?.body)).toEqual([]);
  if (providerRule !== undefined) expect(nextStatus).toBe('completed');
  for (const text of expected.sentBack ?? []) {
    expect(JSON.stringify(requests[1]?.body)).toContain(text);
    expect(JSON.stringify(next?.body)).toContain(text);
  }
}

/** Calls of a message; those that the provider has run itself are not among them. */
const idsOfCalls = ({ toolCalls = [] }: AnyEvent): unknown[] =>
  (toolCalls as { id: string }[]).map(({ id }) => id);

/** Fields of an answer that can be compared, in the words of `expected`. */
function answerOf(events: readonly AnyEvent[], expected: Expected): object {
  const first = ofType(events, 'assistant_message')[0];
  const asked = new Set(ofType(events, 'assistant_message').flatMap(idsOfCalls));
  const usage = first?.['usage'] as { inputTokens: number; outputTokens: number } | undefined;
  const all = {
    status: ofType(events, 'agent_run_end')[0]?.['status'],
    text: first?.['content'],
    thinking: ofType(events, 'assistant_thinking_message')[0]?.['content'],
    finish: first?.['finishReason'],
    usage: usage && [usage.inputTokens, usage.outputTokens],
    calls: ofType(events, 'tool_call')
      .filter(({ toolCallId }) => asked.has(toolCallId))
      .map(({ name, arguments: args }) => ({ name, args })),
  };
  return Object.fromEntries(Object.entries(all).filter(([field]) => field in expected));
}

function wanted({ status, text, thinking, finish, usage, calls }: Expected): object {
  const all = { status, text, thinking, finish, usage, calls };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

import { createOpenAI } from '@ai-sdk/openai';
import { Injectable } from '@nestjs/common';
import type { RunContext } from '../../src/agent/index.js';
import { boundedFetch } from '../../src/models/bounded-fetch.js';
import { RESPONSES } from '../../src/models/stream-dialects.js';
import { type Model, SdkModel } from '../../src/models/model.js';
import { RESPONSES_OPTIONS } from '../../src/models/providers.js';
import { ToolLoopAgent } from '../../src/agent/tool-loop.agent.js';
import type { ModelInput } from '../../src/index.js';
import type { AnyEvent } from './client.js';
import { AnthropicReply, ChatReply, GoogleReply, ResponsesReply } from './provider-replies.js';
import { type Play, type ProviderReply, ProviderStub, type ReplyClass } from './provider-stub.js';
import { TestServer } from './test-server.js';

export const KEY = 'key-sentinel-4711';
/** What `note.txt` in the workspace holds. */
export const NOTE = 'the note says sentinel-7391\n';

/** The real server, and the stub of one provider that it asks. */
export class ProviderSetup<Reply extends ProviderReply = ProviderReply> {
  private constructor(
    readonly app: TestServer,
    readonly provider: ProviderStub<Reply>,
  ) {}

  static async start<Reply extends ProviderReply>(
    Reply: ReplyClass<Reply>,
    model: (origin: string) => ModelInput,
    agent?: (origin: string) => typeof ToolLoopAgent,
  ): Promise<ProviderSetup<Reply>> {
    const provider = await ProviderStub.start(Reply);
    const { origin } = provider;
    const config = { model: { apiKey: KEY, ...model(origin) } };
    const app = await TestServer.start({ config, ...(agent && { extensions: { agent: agent(origin) } }) });
    return new ProviderSetup(app, provider);
  }

  /** One query from its beginning to its end, answered as scripted, in a new session or in this one. */
  async ask(scripts: Play<Reply>[], query: unknown = 'hello', session?: string) {
    const sessionId = session ?? (await this.app.createSession());
    const asked = this.provider.requests.length;
    this.provider.next(...scripts);
    const reader = await this.app.stream(sessionId, query);
    const events = await reader.ended;
    return { sessionId, events, raw: reader.raw(), requests: this.provider.requests.slice(asked) };
  }

  async stop(): Promise<void> {
    await this.app.stop();
    await this.provider.stop();
  }
}

/** OpenAI's Responses API at another place than OpenAI's, which no configuration can say. */
export const responsesModel = (origin: string): Model =>
  new SdkModel(
    createOpenAI({ apiKey: KEY, baseURL: `${origin}/v1`, fetch: boundedFetch(RESPONSES) }).responses(
      'gpt-5-mini',
    ),
    RESPONSES,
    RESPONSES_OPTIONS,
  );

function agentAsking(model: Model): typeof ToolLoopAgent {
  @Injectable()
  class OtherModelAgent extends ToolLoopAgent {
    override run(turn: RunContext): Promise<void> {
      return super.run({ ...turn, model });
    }
  }
  return OtherModelAgent;
}

export const startAnthropic = () =>
  ProviderSetup.start(AnthropicReply, (origin) => ({
    provider: 'anthropic',
    id: 'claude-sonnet-4-5',
    baseURL: `${origin}/v1`,
  }));

export const startGoogle = () =>
  ProviderSetup.start(GoogleReply, (origin) => ({
    provider: 'google',
    id: 'gemini-2.5-flash',
    baseURL: `${origin}/v1beta`,
  }));

export const startOpenAI = () =>
  ProviderSetup.start(ChatReply, (origin) => ({
    provider: 'openai',
    id: 'gpt-5-mini',
    baseURL: `${origin}/v1`,
  }));

export const startOllama = (more: ModelInput = {}) =>
  ProviderSetup.start(ChatReply, (origin) => ({
    provider: 'ollama',
    id: 'qwen3',
    baseURL: `${origin}/v1`,
    ...more,
  }));

export const startResponses = () =>
  ProviderSetup.start(
    ResponsesReply,
    () => ({ provider: 'openai', id: 'gpt-5-mini' }),
    (origin) => agentAsking(responsesModel(origin)),
  );

export const stored = (events: readonly AnyEvent[]) => events.filter(({ seq }) => seq !== undefined);
export const ofType = (events: readonly AnyEvent[], type: string) =>
  events.filter((event) => event.type === type);

import { type ProviderRequest, signatureOf } from './provider-stub.js';

interface Message {
  readonly role: string;
  readonly reasoning_content?: string;
  readonly tool_call_id?: string;
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly function: { readonly name: string };
    readonly extra_content?: { readonly google?: { readonly thought_signature?: string } };
  }[];
}

/** What a provider says of a request that it refuses: status and body. */
export type Refusal = readonly [status: number, body: object];
export type ProviderRule = (body: ProviderRequest['body']) => Refusal | undefined;

const refused = (message: string, status = 400): Refusal => [status, { error: { message } }];

const calling = (messages: readonly Message[]) => messages.filter(({ tool_calls }) => tool_calls?.length);

/** Requests that providers are documented to refuse. */
export const PROVIDER_RULES: Readonly<Record<string, ProviderRule>> = {
  deepseek: ({ messages }) =>
    calling(messages).some(({ reasoning_content }) => reasoning_content === undefined)
      ? refused('The reasoning_content in the thinking mode must be passed back to the API.')
      : undefined,
  kimi: ({ messages }) =>
    calling(messages).some(({ reasoning_content }) => reasoning_content === undefined)
      ? refused('thinking is enabled but reasoning_content is missing in assistant tool call message')
      : undefined,
  gemini: ({ messages }) =>
    calling(messages).some(({ tool_calls: [first] = [] }) => !first?.extra_content?.google?.thought_signature)
      ? refused('Function call is missing a thought_signature in functionCall parts.')
      : undefined,
  mistral: (body) => {
    const unknown = ['stream_options'].filter((field) => field in body);
    const detail = unknown.map((field) => ({
      type: 'extra_forbidden',
      loc: ['body', field],
      msg: 'Extra inputs are not permitted',
    }));
    return detail.length > 0 ? [422, { object: 'error', message: { detail } }] : undefined;
  },
  openai: ({ messages }) =>
    calling(messages).some(({ tool_calls }) => tool_calls?.some((call) => !isValidName(call.function.name)))
      ? refused(
          "Invalid 'messages[2].tool_calls[0].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
        )
      : undefined,
};

/** Whether OpenAI takes this for the name of a function. */
export const isValidName = (name: string): boolean => /^[a-zA-Z0-9_-]{1,64}$/.test(name);

/** The names of the calls in a request, of any kind of provider. */
export function calledNames({ messages = [], contents = [], input = [] }: ProviderRequest['body']): string[] {
  /* eslint-disable @typescript-eslint/no-explicit-any -- tests read what they expect of a request */
  return [
    ...calling(messages as Message[]).flatMap(({ tool_calls = [] }) =>
      tool_calls.map((call) => call.function.name),
    ),
    ...messages
      .flatMap(({ content }: any) => (Array.isArray(content) ? content : []))
      .flatMap(({ type, name }: any) => (type === 'tool_use' ? [name] : [])),
    ...contents
      .flatMap(({ parts }: any) => parts)
      .flatMap(({ functionCall }: any) => (functionCall ? [functionCall.name] : [])),
    ...input.flatMap(({ type, name }: any) => (type === 'function_call' ? [name] : [])),
  ];
  /* eslint-enable @typescript-eslint/no-explicit-any */
}

/** Ids of calls that Anthropic would refuse. */
export function badAnthropicIds({ messages }: ProviderRequest['body']): string[] {
  const ids = JSON.stringify(messages).matchAll(/"(?:id|tool_use_id)":"([^"]*)"/g);
  return [...ids].map(([, id]) => id ?? '').filter((id) => !/^[a-zA-Z0-9_-]+$/.test(id));
}

/** Ids that Mistral takes: nine letters and digits. */
export const refusesLongIds: ProviderRule = ({ messages }) => {
  const ids = (messages as Message[]).flatMap(({ tool_calls = [], tool_call_id }) => [
    ...tool_calls.map(({ id }) => id),
    ...(tool_call_id === undefined ? [] : [tool_call_id]),
  ]);
  const wrong = ids.find((id) => !/^[a-zA-Z0-9]{9}$/.test(id));
  return wrong === undefined
    ? undefined
    : refused(`Tool call id was ${wrong} but must be a-z, A-Z, 0-9, with a length of 9.`);
};

/** Ids, names, and thoughts without the signature that {@link signatureOf} gives, or none in the turn under way. */
export const refusesForeignThoughts: ProviderRule = (body) => {
  const messages = body.messages as AnthropicMessage[];
  const blocks = messages.flatMap(({ content }) => content);
  const [id] = badAnthropicIds(body);
  if (id !== undefined)
    return refused(`messages: tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$': ${id}`);
  if (!calledNames(body).every(isValidName))
    return refused('messages: tool_use.name: String should match pattern');
  const isForeign = blocks.some(
    ({ type, thinking = '', signature }) => type === 'thinking' && signature !== signatureOf(thinking),
  );
  if (isForeign) return refused('messages: Invalid `signature` in `thinking` block');
  const isQuery = ({ role, content }: AnthropicMessage) =>
    role === 'user' && content.some(({ type }) => type === 'text');
  const turn = messages.slice(messages.findLastIndex(isQuery) + 1);
  const isUnthought = ({ content }: AnthropicMessage) =>
    content.some(({ type }) => type === 'tool_use') && content[0]?.type !== 'thinking';
  return turn.some(isUnthought)
    ? refused('messages: Expected `thinking` or `redacted_thinking`, but found `tool_use`.')
    : undefined;
};

/** Calls without a signature, or with one that {@link signatureOf} does not give, and names. */
export const refusesUnsignedCalls: ProviderRule = ({ contents }) => {
  const models = (contents as GoogleContent[]).filter(({ role }) => role === 'model');
  for (const { parts } of models) {
    const [first] = parts.filter(({ functionCall }) => functionCall);
    if (!first?.functionCall) continue;
    const { name } = first.functionCall;
    if (!/^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$/.test(name)) return refused('Invalid function name.');
    if (![signatureOf(name), 'skip_thought_signature_validator'].includes(first.thoughtSignature ?? '')) {
      return refused('Function call is missing a thought_signature in functionCall parts.');
    }
  }
  return undefined;
};

interface AnthropicMessage {
  readonly role: string;
  readonly content: readonly {
    readonly type: string;
    readonly thinking?: string;
    readonly signature?: string;
  }[];
}

interface GoogleContent {
  readonly role: string;
  readonly parts: readonly {
    readonly functionCall?: { readonly name: string };
    readonly thoughtSignature?: string;
  }[];
}

/** Half of a surrogate pair, as JSON.stringify writes it: in a text, or in the JSON within a text. */
export const refusesHalfCharacters: ProviderRule = (body) =>
  /\\ud[89a-f]/i.test(JSON.stringify(body))
    ? refused('The request body is not valid JSON: lone surrogate.')
    : undefined;

import { parseForeignJson } from './json.js';

/**
 * Rules that the SDK's client of a dialect lacks: when a streamed answer is over though its connection stays open
 * or closes early, and which ends mean that the answer is not whole.
 */
export interface StreamDialect {
  /**
   * The end in the data of an event: `said` when the reason of the end has come and only figures may follow,
   * `ended` when nothing follows.
   */
  endIn(data: string): 'said' | 'ended' | undefined;
  /** Event that ends an answer, to be added where it has said its end and the connection closes without that event. */
  readonly closing: string;
  /**
   * Whether an answer that ended so is not whole.
   * @param raw the reason in the provider's words
   * @param isKnown whether the SDK knows it
   */
  isFailure(raw: string, isKnown: boolean): boolean;
}

/** Anthropic, "Streaming Messages" and "Handling stop reasons". */
export const ANTHROPIC: StreamDialect = {
  endIn(data) {
    if (!data.includes('"message_')) return undefined;
    const { type, delta } = eventIn(data) as { type?: unknown; delta?: { stop_reason?: unknown } };
    if (type === 'message_stop') return 'ended';
    return type === 'message_delta' && delta?.stop_reason ? 'said' : undefined;
  },
  closing: 'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  isFailure: (raw) => raw === 'refusal' || raw === 'pause_turn',
};

/** The reasons for which Google ends an answer before it is whole ("FinishReason") are those that the SDK has no name for. */
export const GOOGLE: StreamDialect = {
  endIn(data) {
    if (!data.includes('"finishReason"') && !data.includes('"blockReason"')) return undefined;
    const { candidates, promptFeedback } = eventIn(data) as {
      candidates?: { finishReason?: unknown }[];
      promptFeedback?: { blockReason?: unknown };
    };
    return candidates?.[0]?.finishReason || promptFeedback?.blockReason ? 'said' : undefined;
  },
  closing: '',
  isFailure: (_raw, isKnown) => !isKnown,
};

/** OpenAI, "Responses: streaming events". */
export const RESPONSES: StreamDialect = {
  endIn(data) {
    if (!/"response\.(?:completed|incomplete|failed)"/.test(data)) return undefined;
    const { type } = eventIn(data) as { type?: unknown };
    return type === 'response.completed' || type === 'response.incomplete' || type === 'response.failed'
      ? 'ended'
      : undefined;
  },
  closing: '',
  isFailure: (_raw, isKnown) => !isKnown,
};

function eventIn(data: string): object {
  try {
    return (parseForeignJson(data) as object | null) ?? {};
  } catch {
    return {}; // the SDK's client reports it
  }
}

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

export interface ImagePart {
  readonly type: 'image_url';
  /** A `data:` or http(s) URL. */
  readonly image_url: { readonly url: string };
}

/** A part of a user's message. */
export type ContentPart = TextPart | ImagePart;

export type QueryContent = string | readonly ContentPart[];

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** A tool call as the model asked for it. `arguments` is the JSON text that the model wrote. */
export interface ToolCallRequest {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

export interface ToolInfo {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly schema: unknown;
}

export const RUN_END_STATUSES = ['completed', 'error', 'aborted', 'interrupted'] as const;
/** How a run ended. `interrupted`: the server stopped before it could end. */
export type RunEndStatus = (typeof RUN_END_STATUSES)[number];

interface Base<Type extends string> {
  /** Unique, URL-safe. */
  readonly id: string;
  readonly type: Type;
  readonly sessionId: string;
  /** Run of the event. */
  readonly runId: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
}

/** Note on an event whose frame does not hold all of it. */
export interface Truncated {
  /** Bytes of the whole event as JSON. */
  readonly bytes: number;
  /** URL path of the whole event. */
  readonly whole: string;
}

interface Stored<Type extends string> extends Base<Type> {
  /** 1, 2, 3 … within the session, without a gap, in the order in which every client sees them. */
  readonly seq: number;
  /** Set in a stream when the event is larger than `server.maxFrameBytes`: then its long texts are cut. */
  readonly truncated?: Truncated;
}

interface Streaming<Type extends string> extends Base<Type> {
  /** Text since the previous delta. */
  readonly content: string;
  readonly isComplete: boolean;
  /** Id of the final message, whose content is all deltas joined. */
  readonly messageId: string;
}

export interface UserMessageEvent extends Stored<'user_message'> {
  readonly content: QueryContent;
}

export type StreamingMessageEvent = Streaming<'assistant_streaming_message'>;
export type StreamingThinkingMessageEvent = Streaming<'assistant_streaming_thinking_message'>;

export interface StreamingToolCallEvent extends Base<'assistant_streaming_tool_call'> {
  readonly toolCallId: string;
  readonly toolName: string;
  /** JSON text of the arguments since the previous delta. */
  readonly arguments: string;
  readonly isComplete: boolean;
  readonly messageId: string;
}

export interface ToolCallEvent extends Stored<'tool_call'> {
  readonly toolCallId: string;
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly startTime: number;
  readonly tool: ToolInfo;
}

export interface ToolResultEvent extends Stored<'tool_result'> {
  readonly toolCallId: string;
  readonly name: string;
  readonly content: unknown;
  readonly elapsedMs: number;
  /** Error as the model is told; set when the tool failed. */
  readonly error?: string;
}

export interface ThinkingMessageEvent extends Stored<'assistant_thinking_message'> {
  readonly content: string;
  readonly thinkingDurationMs: number;
  readonly messageId: string;
}

export interface AssistantMessageEvent extends Stored<'assistant_message'> {
  readonly content: string;
  readonly toolCalls?: readonly ToolCallRequest[];
  /** The model's own reason (`stop`, `length`, `tool-calls`, …), or `abort`, `error`, `max-iterations`. */
  readonly finishReason: string;
  readonly messageId: string;
  /** Time from the request to the model until its first token, in milliseconds. */
  readonly ttftMs: number;
  /** Time from the request to the model until its last token, in milliseconds. */
  readonly ttltMs: number;
  readonly usage?: Usage;
}

export interface EnvironmentInputEvent extends Stored<'environment_input'> {
  readonly content: QueryContent;
  readonly description: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface SystemEvent extends Stored<'system'> {
  readonly level: 'info' | 'warning' | 'error';
  readonly message: string;
  readonly details?: unknown;
}

/** Notice that events cannot be stored, because the database cannot be written for now: not stored itself. */
export interface NoticeEvent extends Base<'system'> {
  readonly level: 'error';
  readonly message: string;
  readonly details?: unknown;
}

export interface AgentRunStartEvent extends Stored<'agent_run_start'> {
  readonly runOptions: Readonly<Record<string, unknown>>;
  readonly provider: string;
  readonly model: string;
  readonly modelDisplayName: string;
  readonly agentName: string;
}

export interface AgentRunEndEvent extends Stored<'agent_run_end'> {
  /** Model steps taken. */
  readonly iterations: number;
  readonly elapsedMs: number;
  readonly status: RunEndStatus;
  readonly usage: Usage;
}

export interface PlanStep {
  readonly content: string;
  readonly done: boolean;
}

export interface PlanEvent extends Stored<'plan_start' | 'plan_update' | 'plan_finish'> {
  readonly steps?: readonly PlanStep[];
  readonly summary?: string;
}

/** Stored events, which a later subscriber is sent too. */
export type StoredAgentEvent =
  | UserMessageEvent
  | ToolCallEvent
  | ToolResultEvent
  | ThinkingMessageEvent
  | AssistantMessageEvent
  | EnvironmentInputEvent
  | SystemEvent
  | AgentRunStartEvent
  | AgentRunEndEvent
  | PlanEvent;

/** Live events: not stored, without a `seq`. */
export type StreamingAgentEvent =
  StreamingMessageEvent | StreamingThinkingMessageEvent | StreamingToolCallEvent | NoticeEvent;

export type AgentEvent = StoredAgentEvent | StreamingAgentEvent;

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** A stored event before the log has given it id, `seq` and time. */
export type EventDraft = DistributiveOmit<
  StoredAgentEvent,
  'id' | 'seq' | 'sessionId' | 'runId' | 'timestamp' | 'truncated'
>;

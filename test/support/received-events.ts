import type { AnyEvent } from './client.js';
import { isStreaming } from './expect-events.js';

/** What is wrong with the stored events that a client was sent, measured by the log. */
export interface Faults {
  /** Events of the log that it was not sent. */
  readonly lost: number;
  /** Events that it was sent again. */
  readonly repeated: number;
  /** Events that came after a later one, and deltas that came after their message. */
  readonly outOfOrder: number;
  /** Events that are not in the log as they were sent. */
  readonly unknown: number;
  /** Messages whose deltas did not join to what was stored, or whose text so far was not what it had and more. */
  readonly wrongText: number;
}

/**
 * What one client has of a session, over all its connections: the stored events as JSON text, in the order in
 * which they came, and what the deltas of each message join to.
 */
export class ReceivedEvents {
  readonly stored: string[] = [];
  /** The seq of the last stored event. */
  cursor = 0;
  /** Streaming events that came. */
  deltas = 0;
  /** Messages whose deltas were compared with what was stored. */
  compared = 0;
  private lateDeltas = 0;
  private wrongText = 0;
  /** By message and kind of content: the text of this connection. */
  private text = new Map<string, string>();
  /** The same of the connections before. */
  private readonly before = new Map<string, string>();
  private readonly finished = new Set<unknown>();

  /** A new connection: its "text so far" replaces what came of a message before, and begins with it. */
  reconnect(): void {
    for (const [key, text] of this.text) this.before.set(key, text);
    this.text = new Map();
  }

  take(event: AnyEvent): void {
    if (isStreaming(event)) this.takeDelta(event);
    else if (event['seq'] !== undefined) this.takeStored(event);
  }

  /** Measures it by the log: the JSON text of each event, in `seq` order. */
  compare(log: readonly string[]): Faults {
    const seen = new Set(this.stored);
    const known = new Set(log);
    const seqs = this.stored.map((json) => (JSON.parse(json) as { seq: number }).seq);
    return {
      lost: log.filter((json) => !seen.has(json)).length,
      repeated: this.stored.length - seen.size,
      outOfOrder: seqs.filter((seq, i) => seq < (seqs[i - 1] ?? 0)).length + this.lateDeltas,
      unknown: this.stored.filter((json) => !known.has(json)).length,
      wrongText: this.wrongText,
    };
  }

  private takeDelta(event: AnyEvent): void {
    this.deltas += 1;
    if (this.finished.has(event['messageId'])) this.lateDeltas += 1;
    const key = keyOf(event.type, event['messageId'], event['toolCallId']);
    const text = this.text.get(key);
    const delta = String(event['content'] ?? event['arguments']);
    if (text === undefined && !delta.startsWith(this.before.get(key) ?? '')) this.wrongText += 1;
    this.text.set(key, (text ?? '') + delta);
  }

  private takeStored(event: AnyEvent): void {
    this.stored.push(JSON.stringify(event));
    this.cursor = event['seq'] as number;
    const { messageId } = event;
    if (event.type === 'assistant_thinking_message') {
      this.check(keyOf('assistant_streaming_thinking_message', messageId), event['content']);
    }
    if (event.type !== 'assistant_message') return;
    this.finished.add(messageId);
    this.check(keyOf('assistant_streaming_message', messageId), event['content']);
    for (const { id, function: called } of (event['toolCalls'] ?? []) as StoredCall[]) {
      this.check(keyOf('assistant_streaming_tool_call', messageId, id), called.arguments);
    }
  }

  /** Whoever was sent something of a message on this connection was sent the whole of it. */
  private check(key: string, stored: unknown): void {
    const text = this.text.get(key);
    if (text === undefined) return;
    this.compared += 1;
    if (text !== stored) this.wrongText += 1;
  }
}

interface StoredCall {
  readonly id: string;
  readonly function: { readonly arguments: string };
}

const keyOf = (type: string, messageId: unknown, toolCallId: unknown = ''): string =>
  `${type} ${String(messageId)} ${String(toolCallId)}`;

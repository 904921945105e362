import { cutText } from '../../common/text.js';
import type { LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { parseForeignJson, quoteLargeIntegers } from '../json.js';
import { AnswerParts } from './answer-parts.js';
import { errorIn } from './error-shape.js';
import { EventStream } from './event-stream.js';
import { type Fields, fieldsOf, textOf } from './fields.js';
import { toUnified } from './finish-reason.js';
import { toUsage, usageIn } from './usage.js';

/** Time that the connection gets to end by itself once the answer has said that it is done, in milliseconds. */
const AFTER_DONE_MS = 100;
/** The same, where only the finish reason has come: with the usage, and while that may still come. */
const AFTER_USAGE_MS = 3_000;
const AFTER_REASON_MS = 15_000;

/** Maximum of characters of an error, and of the lines that are kept as a possible one. */
const MAX_ERROR = 10_000;

/** Turns the text of a `/chat/completions` stream into parts as it arrives, each passed on once. */
export class ChatStream {
  private readonly events: EventStream;
  private readonly answer: AnswerParts;
  private finishReason: string | undefined;
  private usage: Fields | undefined;
  private stray = '';
  private done = false;
  /** Whether the end or an error was passed on: nothing follows it. */
  private closed = false;

  /** @param alive is called for what shows only that the connection is alive */
  constructor(
    private readonly take: (part: LanguageModelV3StreamPart) => void,
    alive: () => void = () => undefined,
  ) {
    this.answer = new AnswerParts(take);
    this.events = new EventStream({
      json: (value, type, text) => this.chunk(value, type, text),
      text: (data, type) => this.word(data, type),
      comment: alive,
      stray: (line) => this.strayLine(line),
    });
  }

  /**
   * Milliseconds after which the answer is to be taken although the connection stays open and silent; undefined while
   * the answer is not whole.
   */
  get graceMs(): number | undefined {
    if (this.done) return AFTER_DONE_MS;
    if (this.finishReason === undefined) return undefined;
    return this.usage ? AFTER_USAGE_MS : AFTER_REASON_MS;
  }

  /** @throws SyntaxError for a chunk that is invalid JSON or has another shape */
  push(text: string): void {
    this.events.push(text);
  }

  /** To be called when the answer is to be taken. A stream without a finish reason was cut off. */
  end(): void {
    this.events.end();
    if (this.closed) return;
    if (this.finishReason === undefined && !(this.done && !this.answer.isEmpty)) return this.cutOff();
    this.closed = true;
    this.answer.end();
    const raw = this.finishReason ?? (this.answer.hasCalls ? 'tool_calls' : 'stop');
    const finishReason = this.answer.isRefusal
      ? { unified: 'content-filter' as const, raw: 'refusal' }
      : { unified: toUnified(raw), raw };
    this.take({ type: 'finish', finishReason, usage: toUsage(this.usage) });
  }

  /** Takes an answer that came whole, as JSON, in the place of a stream. */
  whole(answer: unknown, text: string): void {
    this.chunk(answer, '', text);
    this.done = true;
    this.end();
  }

  private chunk(value: unknown, type: string, text: string): void {
    const chunk = fieldsOf(value);
    const choices = chunk?.['choices'];
    if (!chunk || chunk['error'] || type === 'error' || !Array.isArray(choices)) this.odd(value, type);
    if (!chunk || this.closed) return;
    const choice = firstOf(choices);
    this.usage = usageIn(chunk, choice) ?? this.usage;
    if (!choice) return;
    if (choice['error']) return this.fail(errorIn(choice));
    const delta = fieldsOf(choice['delta'] ?? (this.answer.isEmpty && choice['message']));
    if (delta) this.answer.add(exact(delta, text), text.length);
    this.finishReason = reasonIn(choice['finish_reason']) || this.finishReason;
  }

  /** @throws SyntaxError for a chunk that is no object with a list of choices, nor an error */
  private odd(value: unknown, type: string): void {
    const error = errorIn(value) ?? (type === 'error' ? value : undefined);
    if (error !== undefined) return this.fail(error);
    const chunk = fieldsOf(value);
    if (chunk && !Array.isArray(chunk) && Array.isArray(chunk['choices'] ?? [])) return;
    throw new SyntaxError('a chunk is no object with a list of choices');
  }

  /** @throws SyntaxError for data that is neither JSON nor an error */
  private word(data: string, type: string): void {
    if (data === '[DONE]') this.done = true;
    else if (type === 'error') this.fail({ message: cutText(data, MAX_ERROR) });
    else if (!this.closed) throw new SyntaxError(`an event is no JSON: ${cutText(data, MAX_ERROR)}`);
  }

  /** A line outside of events: an error, or a part of one that is written over several lines. */
  private strayLine(line: string): void {
    const report = /^error:\s*(.*)$/i.exec(line)?.[1];
    const value = parsed(report ?? line);
    const error = errorIn(
      report === undefined ? value : { error: value ?? { message: cutText(report, MAX_ERROR) } },
    );
    if (error !== undefined) this.fail(error);
    else if (this.stray.length < MAX_ERROR) this.stray += `${cutText(line, MAX_ERROR)}\n`;
  }

  private cutOff(): void {
    const stray = this.stray.trim();
    if (stray !== '') this.fail(errorIn(parsed(stray)) ?? { message: stray });
  }

  private fail(error: unknown): void {
    if (this.closed) return;
    this.closed = true;
    this.take({ type: 'error', error });
  }
}

/** The first of several answers to one request, by its index. */
function firstOf(choices: unknown): Fields | undefined {
  if (!Array.isArray(choices)) return undefined;
  for (const each of choices as unknown[]) {
    const choice = fieldsOf(each);
    if (choice && !Number(choice['index'] ?? 0)) return choice;
  }
  return undefined;
}

/** A delta whose calls hold the integers that were sent, also those that JSON.parse rounds. */
function exact(delta: Fields, text: string): Fields {
  if (!delta['tool_calls'] && !delta['function_call']) return delta;
  const quoted = quoteLargeIntegers(text);
  if (quoted === text) return delta;
  const choice = firstOf(fieldsOf(parseForeignJson(quoted))?.['choices']);
  return fieldsOf(choice?.['delta'] ?? choice?.['message']) ?? delta;
}

/** A finish reason as a text; SGLang has an object with a type. */
const reasonIn = (reason: unknown): string => textOf(reason) || textOf(fieldsOf(reason)?.['type']);

function parsed(text: string): unknown {
  if (text.length > MAX_ERROR) return undefined;
  try {
    return parseForeignJson(text);
  } catch {
    return undefined; // the text is taken as it is
  }
}

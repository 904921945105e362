import type { JSONObject, LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { readContent } from './content.js';
import { type Fields, fieldsOf, textOf } from './fields.js';
import { ThinkTags } from './think-tags.js';
import { Thoughts } from './thoughts.js';
import { ToolCallAssembler } from './tool-call-assembler.js';

/** Turns the deltas of one answer into parts: its text, its thoughts and its calls. */
export class AnswerParts {
  private readonly calls: ToolCallAssembler;
  private readonly thoughts: Thoughts;
  private readonly tags: ThinkTags;
  private hasText = false;
  /** Whether the model has refused to answer: its calls must not be run. */
  isRefusal = false;

  constructor(private readonly take: (part: LanguageModelV3StreamPart) => void) {
    this.calls = new ToolCallAssembler(take);
    this.thoughts = new Thoughts(take);
    this.tags = new ThinkTags(
      (delta) => this.take({ type: 'text-delta', id: 'text', delta }),
      (delta) => this.thoughts.add('content', delta),
    );
  }

  get hasCalls(): boolean {
    return !this.calls.isEmpty;
  }

  get isEmpty(): boolean {
    return !this.hasText && this.calls.isEmpty && this.thoughts.isEmpty;
  }

  /**
   * Fields of a wrong type are ignored.
   * @param length characters of the chunk
   */
  add(delta: Fields, length: number): void {
    const { content, reasoning_content: ours, reasoning: theirs, reasoning_details: details } = delta;
    const thought = textOf(ours) || textOf(theirs);
    if (Array.isArray(details)) this.thoughts.addDetails(details, length, thought !== '');
    if (thought) this.thoughts.add(textOf(ours) ? 'reasoning_content' : 'reasoning', thought);
    if (typeof content === 'string') this.text(content);
    else if (content) this.parts(content);
    if (delta['refusal']) this.refusal(textOf(delta['refusal']));
    if (delta['extra_content']) this.sign(fieldsOf(delta['extra_content']));
    const calls = delta['tool_calls'] ?? legacyCall(delta['function_call']);
    if (calls) this.calls.push(calls);
  }

  /** Passes on what is complete only at the end of the answer. */
  end(): void {
    this.tags.end();
    this.thoughts.end();
    this.calls.end();
  }

  private text(delta: string): void {
    if (delta === '') return;
    this.hasText = true;
    if (this.tags.isText) this.take({ type: 'text-delta', id: 'text', delta });
    else this.tags.push(delta);
  }

  private parts(content: unknown): void {
    readContent(content, {
      text: (delta) => this.text(delta),
      thought: (delta) => delta && this.thoughts.add('content', delta),
    });
  }

  private refusal(delta: string): void {
    this.isRefusal ||= delta !== '';
    this.text(delta);
  }

  /** Google's signature of a text or a thought: it belongs to what came with it, or last. */
  private sign(extraContent: Fields | undefined): void {
    if (!extraContent) return;
    if (this.tags.isThinking) return this.thoughts.sign(extraContent);
    const providerMetadata = { chat: { extraContent: extraContent as JSONObject } };
    this.take({ type: 'text-delta', id: 'text', delta: '', providerMetadata });
  }
}

/** A call as it was before `tool_calls`: one in an answer. */
function legacyCall(call: unknown): object | undefined {
  const fn = fieldsOf(call);
  return fn && { index: 0, function: fn };
}

import type { OutgoingHttpHeaders } from 'node:http';
import { ProviderReply, signatureOf } from './provider-stub.js';

const halves = (text: string): string[] => [text.slice(0, text.length / 2), text.slice(text.length / 2)];

/** Anthropic's Messages API: blocks that start, grow and stop within one message. */
export class AnthropicReply extends ProviderReply {
  private blocks = -1;
  private hasCalls = false;

  text(...deltas: string[]): this {
    return this.block(
      { type: 'text', text: '' },
      deltas.map((text) => ({ type: 'text_delta', text })),
    );
  }

  thinking(...deltas: string[]): this {
    return this.block({ type: 'thinking', thinking: '', signature: '' }, [
      ...deltas.map((thinking) => ({ type: 'thinking_delta', thinking })),
      { type: 'signature_delta', signature: signatureOf(deltas.join('')) },
    ]);
  }

  /** A thought that only Anthropic can read. */
  redactedThinking(data: string): this {
    return this.block({ type: 'redacted_thinking', data }, []);
  }

  toolCall(id: string, name: string, args: object): this {
    this.hasCalls = true;
    const json = Object.keys(args).length === 0 ? [] : halves(JSON.stringify(args));
    return this.block(
      { type: 'tool_use', id, name, input: {} },
      json.map((partial_json) => ({ type: 'input_json_delta', partial_json })),
    );
  }

  /** A search that Anthropic runs itself, and what it found. */
  search(id: string, query: string, found: object[]): this {
    this.block({ type: 'server_tool_use', id, name: 'web_search', input: {} }, [
      { type: 'input_json_delta', partial_json: JSON.stringify({ query }) },
    ]);
    const content = found.map((each) => ({ type: 'web_search_result', url: 'https://a.example', ...each }));
    return this.block({ type: 'web_search_tool_result', tool_use_id: id, content }, []);
  }

  error(message: string, type = 'overloaded_error'): void {
    this.event({ type: 'error', error: { type, message } }).hangUp();
  }

  end(stopReason = this.hasCalls ? 'tool_use' : 'end_turn'): void {
    this.begin();
    const delta = { stop_reason: stopReason, stop_sequence: null };
    this.event({ type: 'message_delta', delta, usage: { output_tokens: 5 } });
    this.event({ type: 'message_stop' }).hangUp();
  }

  whole(text: string): void {
    const content = [{ type: 'text', text }];
    this.json(200, this.message({ content, stop_reason: 'end_turn', stop_sequence: null }));
  }

  fail(status: number, message: string, headers?: OutgoingHttpHeaders): void {
    this.json(status, { type: 'error', error: { type: 'some_error', message } }, headers);
  }

  private begin(): this {
    if (this.blocks >= 0) return this;
    this.blocks = 0;
    this.event({ type: 'message_start', message: this.message({ content: [], stop_reason: null }) });
    return this.event({ type: 'ping' });
  }

  private block(content: object, deltas: object[]): this {
    this.begin();
    const index = this.blocks++;
    this.event({ type: 'content_block_start', index, content_block: content });
    for (const delta of deltas) this.event({ type: 'content_block_delta', index, delta });
    return this.event({ type: 'content_block_stop', index });
  }

  private message(more: object): object {
    const usage = { input_tokens: 11, output_tokens: 1 };
    return { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude', usage, ...more };
  }

  private event(event: { type: string; [field: string]: unknown }): this {
    return this.send(event, event.type);
  }
}

/** Google's Generative Language API: chunks of candidates, each with whole parts. */
export class GoogleReply extends ProviderReply {
  text(...deltas: string[]): this {
    return this.parts(deltas.map((text) => ({ text })));
  }

  thinking(...deltas: string[]): this {
    return this.parts(deltas.map((text) => ({ text, thought: true })));
  }

  toolCall(id: string, name: string, args: object): this {
    return this.parts([{ functionCall: { id, name, args }, thoughtSignature: signatureOf(name) }]);
  }

  /** Parts as they are, one chunk each. */
  parts(parts: object[]): this {
    for (const part of parts) this.candidate({ content: { role: 'model', parts: [part] } });
    return this;
  }

  error(message: string, code = 503, status = 'UNAVAILABLE'): void {
    this.send({ error: { code, message, status } }).hangUp();
  }

  end(finishReason = 'STOP'): void {
    this.candidate({ finishReason }, true).hangUp();
  }

  /** What Google says when it takes offence at the prompt. */
  block(blockReason: string): void {
    this.send({ promptFeedback: { blockReason } }).hangUp();
  }

  whole(text: string): void {
    this.json(200, this.chunk({ content: { role: 'model', parts: [{ text }] }, finishReason: 'STOP' }, true));
  }

  fail(status: number, message: string, headers?: OutgoingHttpHeaders): void {
    this.json(status, { error: { code: status, message, status: 'FAILED' } }, headers);
  }

  /** Google's answer to a key that it does not know. */
  refuseKey(message: string): void {
    const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' }];
    this.json(400, { error: { code: 400, message, status: 'INVALID_ARGUMENT', details } });
  }

  private candidate(candidate: object, withUsage = false): this {
    return this.send(this.chunk(candidate, withUsage));
  }

  private chunk(candidate: object, withUsage: boolean): object {
    const usage = {
      promptTokenCount: 11,
      candidatesTokenCount: 3,
      thoughtsTokenCount: 2,
      totalTokenCount: 16,
    };
    return {
      candidates: [{ index: 0, ...candidate }],
      ...(withUsage && { usageMetadata: usage }),
      responseId: 'r1',
    };
  }
}

/** `/chat/completions`, as OpenAI and those who copy it speak it. */
export class ChatReply extends ProviderReply {
  private calls = 0;

  text(...deltas: string[]): this {
    for (const content of deltas) this.chunk({ content });
    return this;
  }

  thinking(...deltas: string[]): this {
    for (const reasoning_content of deltas) this.chunk({ reasoning_content });
    return this;
  }

  toolCall(id: string, name: string, args: object): this {
    const index = this.calls++;
    this.chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] });
    for (const half of halves(JSON.stringify(args))) {
      this.chunk({ tool_calls: [{ index, function: { arguments: half } }] });
    }
    return this;
  }

  error(message: string): void {
    this.send({ error: { message, type: 'server_error' } }).hangUp();
  }

  end(finishReason = this.calls > 0 ? 'tool_calls' : 'stop'): void {
    this.send({ choices: [{ index: 0, delta: {}, finish_reason: finishReason }] });
    this.send({ choices: [], usage: { prompt_tokens: 11, completion_tokens: 5 } });
    this.send('[DONE]').hangUp();
  }

  whole(content: string): void {
    this.json(200, {
      choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    });
  }

  fail(status: number, message: string, headers?: OutgoingHttpHeaders): void {
    this.json(status, { error: { message } }, headers);
  }

  private chunk(delta: object): void {
    this.send({ choices: [{ index: 0, delta, finish_reason: null }] });
  }
}

/** OpenAI's Responses API: items that are added, grow and are done within one response. */
export class ResponsesReply extends ProviderReply {
  private items = -1;

  text(...deltas: string[]): this {
    const id = `msg_${this.begin()}`;
    return this.item(
      { type: 'message', id, role: 'assistant', content: [] },
      deltas.map((delta) => ({ type: 'response.output_text.delta', content_index: 0, delta })),
    );
  }

  thinking(...deltas: string[]): this {
    const id = `rs_${this.begin()}`;
    return this.item(
      { type: 'reasoning', id, summary: [], encrypted_content: null },
      [
        { type: 'response.reasoning_summary_part.added', summary_index: 0 },
        ...deltas.map((delta) => ({
          type: 'response.reasoning_summary_text.delta',
          summary_index: 0,
          delta,
        })),
        { type: 'response.reasoning_summary_part.done', summary_index: 0 },
      ],
      { encrypted_content: signatureOf(deltas.join('')) },
    );
  }

  toolCall(callId: string, name: string, args: object): this {
    const id = `fc_${this.begin()}`;
    const json = JSON.stringify(args);
    return this.item(
      { type: 'function_call', id, call_id: callId, name, arguments: '' },
      halves(json).map((delta) => ({ type: 'response.function_call_arguments.delta', delta })),
      { arguments: json, status: 'completed' },
    );
  }

  error(message: string): void {
    this.begin();
    this.send({ type: 'error', sequence_number: 9, code: 'server_error', message, param: null }).hangUp();
  }

  /** The other way in which a response goes wrong. */
  failResponse(message: string): void {
    this.begin();
    const error = { code: 'server_error', message };
    this.send({ type: 'response.failed', sequence_number: 9, response: { error } }).hangUp();
  }

  end(): void {
    this.begin();
    const usage = { input_tokens: 11, output_tokens: 5 };
    this.send({ type: 'response.completed', response: { usage } }).hangUp();
  }

  whole(text: string): void {
    const content = [{ type: 'output_text', text, annotations: [] }];
    this.json(200, {
      id: 'resp_1',
      created_at: 0,
      model: 'gpt',
      output: [{ type: 'message', role: 'assistant', id: 'msg_0', content }],
      usage: { input_tokens: 11, output_tokens: 5 },
    });
  }

  fail(status: number, message: string, headers?: OutgoingHttpHeaders): void {
    this.json(status, { error: { message, type: 'some_error', param: null, code: null } }, headers);
  }

  /** @returns the index of the next item */
  private begin(): number {
    if (this.items < 0) {
      this.items = 0;
      this.send({ type: 'response.created', response: { id: 'resp_1', created_at: 0, model: 'gpt' } });
    }
    return this.items;
  }

  private item(item: { id: string; [field: string]: unknown }, deltas: object[], done: object = {}): this {
    const output_index = this.items++;
    this.send({ type: 'response.output_item.added', output_index, item });
    for (const delta of deltas) this.send({ item_id: item.id, output_index, ...delta });
    return this.send({ type: 'response.output_item.done', output_index, item: { ...item, ...done } });
  }
}

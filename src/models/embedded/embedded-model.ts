import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3Content,
  LanguageModelV3FinishReason,
  LanguageModelV3GenerateResult,
  LanguageModelV3Prompt,
  LanguageModelV3StreamPart,
  LanguageModelV3StreamResult,
  LanguageModelV3Usage,
} from '@ai-sdk/provider';
import { setImmediate } from 'node:timers/promises';
import { newId } from '../../common/ids.js';
import { type Image, report, understand } from './intents.js';

type Answer = { readonly text: string } | { readonly tool: string; readonly input: string };

/**
 * Demo model without network and key, behind the same interface as every other: it understands the few requests of
 * `intents.ts`, calls the real tools for them, and answers any other request by saying that it is a demo.
 */
export class EmbeddedModel implements LanguageModelV3 {
  readonly specificationVersion = 'v3';
  readonly provider = 'embedded';
  readonly supportedUrls = {};

  constructor(readonly modelId: string) {}

  async doStream({ prompt, abortSignal }: LanguageModelV3CallOptions): Promise<LanguageModelV3StreamResult> {
    const parts = streamParts(answer(prompt));
    const stream = new ReadableStream<LanguageModelV3StreamPart>(
      {
        async pull(controller) {
          await setImmediate(); // each word is a delta of its own, as with a remote model
          if (abortSignal?.aborted) return controller.error(abortSignal.reason);
          const { done, value } = parts.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
      },
      { highWaterMark: 0 },
    );
    return { stream };
  }

  async doGenerate({ prompt }: LanguageModelV3CallOptions): Promise<LanguageModelV3GenerateResult> {
    const given = answer(prompt);
    const content: LanguageModelV3Content[] = [];
    if ('text' in given) content.push({ type: 'text', text: given.text });
    else content.push({ type: 'tool-call', toolCallId: newId(), toolName: given.tool, input: given.input });
    return { content, finishReason: finishReason(given), usage: usage(given), warnings: [] };
  }
}

function answer(prompt: LanguageModelV3Prompt): Answer {
  const last = prompt.at(-1);
  if (last?.role === 'tool') {
    const reports = last.content.flatMap((part) => {
      if (part.type !== 'tool-result') return [];
      const { output } = part;
      const failed = output.type === 'error-text' || output.type === 'error-json';
      const text = 'value' in output && typeof output.value === 'string' ? output.value : '';
      return [report(part.toolName, text, failed)];
    });
    return { text: reports.join('\n\n') };
  }
  const { text, images } = lastUserMessage(prompt);
  const intent = understand(text, images);
  return 'say' in intent ? { text: intent.say } : { tool: intent.call, input: JSON.stringify(intent.args) };
}

function lastUserMessage(prompt: LanguageModelV3Prompt): { text: string; images: Image[] } {
  const message = prompt.findLast(({ role }) => role === 'user');
  const images: Image[] = [];
  let text = '';
  for (const part of message?.role === 'user' ? message.content : []) {
    // Later texts are context from the workspace, or more than the demo understands.
    if (part.type === 'text') text ||= part.text;
    else
      images.push({ mediaType: part.mediaType, data: typeof part.data === 'string' ? part.data : undefined });
  }
  return { text, images };
}

function* streamParts(given: Answer): Generator<LanguageModelV3StreamPart, undefined> {
  const id = newId();
  yield { type: 'stream-start', warnings: [] };
  if ('text' in given) {
    yield { type: 'text-start', id };
    for (const delta of given.text.match(/\s*\S+|\s+$/g) ?? []) yield { type: 'text-delta', id, delta };
    yield { type: 'text-end', id };
  } else {
    yield { type: 'tool-input-start', id, toolName: given.tool };
    yield { type: 'tool-input-delta', id, delta: given.input };
    yield { type: 'tool-input-end', id };
    yield { type: 'tool-call', toolCallId: id, toolName: given.tool, input: given.input };
  }
  yield { type: 'finish', finishReason: finishReason(given), usage: usage(given) };
  return undefined;
}

function finishReason(given: Answer): LanguageModelV3FinishReason {
  return 'text' in given ? { unified: 'stop', raw: 'stop' } : { unified: 'tool-calls', raw: 'tool_calls' };
}

/** Usage of an answer: no input tokens, and one output token per word. */
function usage(given: Answer): LanguageModelV3Usage {
  const words = 'text' in given ? given.text.split(/\s+/).length : 1;
  return {
    inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: words, text: words, reasoning: 0 },
  };
}

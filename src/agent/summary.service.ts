import { Injectable } from '@nestjs/common';
import { cutText } from '../common/text.js';
import { type ModelConfig } from '../config/index.js';
import { ModelCatalog, type ModelRequest, modelTimedOut, toModelFailed } from '../models/index.js';

const MAX_WORDS = 6;
const MAX_CONVERSATION = 8_000;
/** Characters of a title: a model's word has no bound of its own. */
const MAX_TITLE = 200;

/** Generates titles of conversations. */
@Injectable()
export class SummaryService {
  constructor(private readonly catalog: ModelCatalog) {}

  /**
   * A title of at most six words for a conversation.
   * @throws ModelFailed when the model cannot be asked
   */
  async titleOf(messages: readonly Record<string, unknown>[], model: ModelConfig): Promise<string> {
    const lines = messages.map(
      ({ role, content }) => `${typeof role === 'string' ? role : 'user'}: ${textOf(content)}`,
    );
    const conversation = cutText(lines.join('\n'), MAX_CONVERSATION);
    if (model.provider === 'embedded') {
      // The demo model writes no titles: the first user message stands for one.
      const first = messages.find(({ role }) => role === 'user') ?? messages[0];
      return shorten(textOf(first?.['content']));
    }
    return shorten(await this.ask(conversation, model));
  }

  private async ask(conversation: string, config: ModelConfig): Promise<string> {
    const timeout = AbortSignal.timeout(config.firstTokenTimeoutMs);
    try {
      const model = await this.catalog.load(config);
      const instruction = `Write a title for the conversation: at most ${MAX_WORDS} words, in its language, no quotes, no full stop. Answer with the title only.`;
      const prompt: ModelRequest['prompt'] = [
        { role: 'system', content: instruction },
        { role: 'user', content: [{ type: 'text', text: conversation }] },
      ];
      return await model.generate({ prompt }, timeout);
    } catch (error) {
      if (timeout.aborted) throw modelTimedOut(config, config.firstTokenTimeoutMs, false);
      throw toModelFailed(error, config);
    }
  }
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part) => (part as { text?: unknown } | null)?.text)
    .filter((text) => typeof text === 'string')
    .join(' ');
}

function shorten(text: string): string {
  const words = text.replace(/["“”]/g, '').trim().split(/\s+/).slice(0, MAX_WORDS).join(' ');
  return cutText(words, MAX_TITLE).replace(/[.,;:]+$/, '') || 'New conversation';
}

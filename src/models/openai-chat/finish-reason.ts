import type { LanguageModelV3FinishReason } from '@ai-sdk/provider';

type Unified = LanguageModelV3FinishReason['unified'];

/**
 * The SDK's terms for `finish_reason`, and the words of the field for each: OpenAI, Azure, Mistral, DeepSeek, Zhipu,
 * Cohere, Bedrock, Anthropic and Google behind gateways, vLLM, SGLang, TGI, Ollama.
 */
const WORDS: Readonly<Record<Exclude<Unified, 'other'>, string>> = {
  stop: 'stop eos eos_token end_turn end stop_sequence stop_token complete completed finished done pause_turn',
  length:
    'length max_tokens max_output_tokens max_completion_tokens max_length model_length token_limit context_length model_context_window_exceeded context_window_exceeded error_limit',
  'content-filter':
    'content_filter content_filtered safety sensitive refusal recitation blocklist prohibited_content spii image_safety guardrail_intervened error_toxic moderation blocked',
  'tool-calls': 'tool_calls tool_call tool_use function_call function_calls',
  error:
    'error insufficient_system_resource network_error abort aborted cancel cancelled canceled user_cancel timeout internal_error server_error engine_error malformed_function_call unexpected_tool_call failed overloaded load unload',
};

const FINISH: ReadonlyMap<string, Unified> = new Map(
  Object.entries(WORDS).flatMap(([unified, words]) =>
    words.split(' ').map((word) => [word, unified as Unified]),
  ),
);

/** A provider's finish reason in the SDK's terms; `other` for one that is not known. */
export function toUnified(raw: string): Unified {
  // Google's compatible endpoint puts its own word behind another: "function_call_filter: MALFORMED_FUNCTION_CALL".
  const word = raw.slice(raw.lastIndexOf(':') + 1).trim();
  return FINISH.get(word.toLowerCase().replaceAll('-', '_')) ?? 'other';
}

import type { LanguageModelV3Message, LanguageModelV3ToolResultPart } from '@ai-sdk/provider';
import type { ModelRequest } from '../model.js';
import { ALL_FIELDS } from './optional-fields.js';
import { type AssistantMessage, chatFieldOf, ReturnedThoughts } from './returned-thoughts.js';

type Tools = NonNullable<ModelRequest['tools']>;

/** The body of a request to `/chat/completions`, as JSON (OpenAI API reference, "Create chat completion"). */
export function toChatRequest(
  model: string,
  request: ModelRequest,
  stream: boolean,
  { usage, limit } = ALL_FIELDS,
): string {
  const { prompt, tools, temperature, maxOutputTokens } = request;
  const body = JSON.stringify({
    model,
    messages: toMessages(model, prompt),
    ...(temperature !== undefined && { temperature }),
    ...(maxOutputTokens !== undefined && limit && { [limit]: maxOutputTokens }),
    ...(stream && { stream: true, ...(usage && { stream_options: { include_usage: true } }) }),
  });
  return tools?.length ? `${body.slice(0, -1)},"tools":${toolsJson(tools)}}` : body;
}

/** JSON of the tools, cached: the list is the same for every request, and the larger part of a short one. */
const toolsJsonOf = new WeakMap<Tools, string>();

function toolsJson(tools: Tools): string {
  let json = toolsJsonOf.get(tools);
  if (json === undefined) toolsJsonOf.set(tools, (json = JSON.stringify(tools.flatMap(toTool))));
  return json;
}

function toTool(tool: Tools[number]): object[] {
  if (tool.type !== 'function') return [];
  const { name, description, inputSchema } = tool;
  return [{ type: 'function', function: { name, description, parameters: inputSchema } }];
}

function toMessages(model: string, prompt: ModelRequest['prompt']): object[] {
  const thoughts = new ReturnedThoughts(model, prompt);
  return prompt.flatMap((message) => toMessage(message, thoughts));
}

function toMessage(message: LanguageModelV3Message, thoughts: ReturnedThoughts): object[] {
  switch (message.role) {
    case 'system':
      return [{ role: 'system', content: message.content }];
    case 'user':
      return [{ role: 'user', content: userContent(message.content) }];
    case 'assistant':
      return [assistantMessage(message, thoughts)];
    case 'tool':
      return message.content.flatMap((part) =>
        part.type === 'tool-result'
          ? [{ role: 'tool', tool_call_id: part.toolCallId, content: resultText(part.output) }]
          : [],
      );
  }
}

type UserContent = Extract<LanguageModelV3Message, { role: 'user' }>['content'];

function userContent(parts: UserContent): string | object[] {
  const [only] = parts;
  if (parts.length === 1 && only?.type === 'text') return only.text;
  return parts.map((part) => {
    if (part.type === 'text') return { type: 'text', text: part.text };
    const url =
      part.data instanceof URL
        ? part.data.href
        : `data:${part.mediaType};base64,${typeof part.data === 'string' ? part.data : Buffer.from(part.data).toString('base64')}`;
    return { type: 'image_url', image_url: { url } };
  });
}

function assistantMessage(message: AssistantMessage, thoughts: ReturnedThoughts): object {
  let content = '';
  const calls: object[] = [];
  for (const part of message.content) {
    if (part.type === 'text') content += part.text;
    else if (part.type === 'tool-call') {
      const { toolCallId: id, toolName: name, input } = part;
      const extra = chatFieldOf(part, 'extraContent');
      const call = { id, type: 'function', function: { name, arguments: JSON.stringify(input) } };
      calls.push(extra === undefined ? call : { ...call, extra_content: extra });
    }
  }
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    ...thoughts.of(message),
    ...(calls.length > 0 && { tool_calls: thoughts.signed(calls) }),
  };
}

function resultText(output: LanguageModelV3ToolResultPart['output']): string {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return output.value;
    case 'execution-denied':
      return output.reason ?? 'The tool call was denied.';
    default:
      return JSON.stringify(output.value);
  }
}

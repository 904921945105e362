import { maskSecretsIn, maskSecretsInJson, type Secret } from '../common/secret.js';
import type { StoredAgentEvent, ToolCallRequest } from './event.types.js';

/** Fields that identify an event and its place. A secret that is a common word must not change them. */
const PROTOCOL: ReadonlySet<string> = new Set([
  'id',
  'type',
  'seq',
  'sessionId',
  'runId',
  'timestamp',
  'messageId',
  'toolCallId',
  'name',
  'tool',
  'startTime',
  'finishReason',
  'status',
  'level',
  'provider',
  'model',
  'modelDisplayName',
  'agentName',
]);

/** The event with secrets masked in the texts of models, tools and users; the same object when it has none. */
export function maskEvent(event: StoredAgentEvent, secrets: readonly Secret[]): StoredAgentEvent {
  let changed = false;
  const fields = Object.entries(event).map(([field, value]: [string, unknown]) => {
    const masked = maskField(field, value, secrets);
    changed ||= masked !== value;
    return [field, masked];
  });
  return changed ? ({ ...event, ...Object.fromEntries(fields) } as StoredAgentEvent) : event;
}

function maskField(field: string, value: unknown, secrets: readonly Secret[]): unknown {
  if (PROTOCOL.has(field)) return value;
  if (field !== 'toolCalls') return maskSecretsIn(value, secrets);
  return (value as readonly ToolCallRequest[]).map((call) => ({
    ...call,
    function: { ...call.function, arguments: maskSecretsInJson(call.function.arguments, secrets) },
  }));
}

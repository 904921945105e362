// A client of each generator, as somebody would write it: it has to compile.
import type { components, paths } from './openapi-typescript';
import { queryControllerQuery, sessionsControllerCreate } from './hey-api';
import type { AgentEvent as HeyEvent } from './hey-api';
import { sessionsControllerDetails } from './orval';

type Missing = paths['/api/sessions/details']['get']['responses']['404']['content']['application/json'];
export const code: Missing['code'] = 'SESSION_NOT_FOUND';

/** Narrowed by the discriminator. */
export function textOf(event: components['schemas']['AgentEvent']): string {
  if (event.type === 'assistant_message') return event.content;
  return event.type === 'tool_call' ? event.name : '';
}

export function ofHey(event: HeyEvent): string {
  return event.type === 'assistant_message' ? event.content : '';
}

export async function ask(): Promise<string | undefined> {
  const { data, error } = await sessionsControllerCreate({ body: { name: 'x' } });
  if (!data) throw new Error(error?.error);
  const answer = await queryControllerQuery({ body: { sessionId: data.sessionId, query: 'hi' } });
  const details = await sessionsControllerDetails({ sessionId: data.sessionId });
  if (details.status === 404) return details.data.code;
  return answer.data?.result.content;
}

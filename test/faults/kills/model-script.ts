import type { ModelMessage, ModelRequest, Reply, Script } from '../../support/model-stub.js';
import { lastUserText } from '../../support/model-stub.js';
import type { ServerLife } from './server-life.js';

/** Where the tool `count` notes each of its starts: the mark of the call and the session. A `stay` call never ends. */
export const COUNTS = 'counts.txt';
export const CONFIG = `
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

export default {
  server: { shutdownGraceMs: 0 },
  tools: [{
    name: 'count',
    description: 'Notes the mark.',
    parameters: { properties: { mark: { type: 'string' }, stay: { type: 'boolean' } }, required: ['mark'] },
    execute: ({ mark, stay }, { workspace, sessionId }) => {
      appendFileSync(join(workspace, '${COUNTS}'), mark + ' ' + sessionId + '\\n');
      return stay ? new Promise(() => undefined) : Promise.resolve('counted ' + mark);
    },
  }],
};
`;

export const fileOf = (mark: string): string => `files/${mark}.txt`;
export const contentOf = (mark: string): string => `${mark} was here\n`.repeat(20);

let queries = 0;
let marks = 0;

/**
 * The text of a query that tells the model what to do, step by step: `write`, `count` and `both` call tools,
 * `stay` calls one that never ends; `say:N` answers in N tokens, `wait:N` too, but ends only when it is let go.
 */
export function asking(...steps: string[]): string {
  return [`q${++queries}`, ...steps].join(' ');
}

/** A model that does what the last query says, for each server by the number in its base URL. */
export function scriptFor(lives: ReadonlyMap<number, ServerLife>, onProblem: (what: string) => void): Script {
  return async (reply, request) => {
    const life = lives.get(Number(/^\/life-(\d+)\//.exec(request.path)?.[1]));
    if (!life || life.over) return reply.cut();
    life.note('asked');
    const problem = problemOf(request.body.messages);
    if (problem) onProblem(`the model was sent ${problem}`);
    if (life.silence) await Promise.race([life.silence.opened, request.closed]);
    if (life.brief) return reply.text('Well', ' then').end();
    await play(reply, request, life);
  };
}

async function play(reply: Reply, request: ModelRequest, life: ServerLife): Promise<void> {
  const text = lastUserText(request);
  const { messages } = request.body;
  const asked = messages.findLastIndex(({ role }) => role === 'user');
  const done = messages.slice(asked).filter(({ role }) => role === 'assistant').length;
  const [what = 'say', tokens = '1'] = (text.split(' ')[1 + done] ?? '').split(':');
  if (what !== 'say' && what !== 'wait') return callTools(reply, what);
  let gone = false;
  void request.closed.then(() => (gone = true));
  for (let i = 0; i < Number(tokens) && !gone && !life.over; i++) {
    reply.text(`${what}${i} `);
    await new Promise(setImmediate); // so that the answers of all sessions come side by side
  }
  if (what === 'wait') await Promise.race([life.hold(text), request.closed]);
  reply.end();
}

function callTools(reply: Reply, what: string): void {
  const mark = `m${++marks}`;
  reply.text('Let me see. ');
  if (what === 'write' || what === 'both') {
    reply.toolCall('write_file', { path: fileOf(mark), content: contentOf(mark) });
  }
  if (what !== 'write') reply.toolCall('count', { mark, ...(what === 'stay' && { stay: true }) });
  reply.end();
}

/** What no provider takes: two in a row of the same role, or a tool call without its one result. */
function problemOf(messages: readonly ModelMessage[]): string | undefined {
  let open: string[] = [];
  for (const [i, { role, tool_calls: calls, tool_call_id: id }] of messages.entries()) {
    const before = messages[i - 1]?.role;
    if (role === 'tool') {
      if (!open.includes(id ?? '')) return `a result of a call that is not open (message ${i})`;
      open = open.filter((each) => each !== id);
      continue;
    }
    if (open.length > 0) return `a tool call without its result (before message ${i})`;
    if (role === before) return `two messages of ${role} in a row (message ${i})`;
    open = (calls ?? []).map((call) => call.id);
  }
  return open.length > 0 ? 'a tool call without its result (at the end)' : undefined;
}

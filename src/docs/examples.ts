/** Examples of a request's body and of a successful answer. */
export interface Example {
  readonly request?: unknown;
  readonly response?: unknown;
}

const sessionId = '0mwrj9u6kXoWULZWgrA-EV7IK';
const runId = '0mwrj9u903MX_ZpgC51QCAhyB';
const time = 1_795_333_603_340;
const name = 'Holiday plans';
const tags = ['private'];
const workspace = '/home/me/project';
const demo = { provider: 'embedded', id: 'demo', displayName: 'Built-in demo' };
const usage = { inputTokens: 812, outputTokens: 64 };

const session = {
  id: sessionId,
  createdAt: time,
  updatedAt: time + 2_500,
  name,
  tags,
  workspace,
  metadata: { name, tags, modelConfig: demo, agentInfo: { name: 'Agent TARS' } },
  usage,
  status: { isProcessing: false, state: 'idle' },
};
const place = (seq: number) => ({ id: `0mwrj9u9${seq}`, sessionId, runId, seq, timestamp: time + seq });
const userMessage = { ...place(1), type: 'user_message', content: '6 * 7' };
const result = {
  ...place(3),
  type: 'assistant_message',
  content: '6 * 7 = 42',
  finishReason: 'stop',
  messageId: '0mwrj9u9zCxzK8CbQFQZQ1Bz3',
  ttftMs: 412,
  ttltMs: 980,
  usage,
};
const run = {
  id: runId,
  sessionId,
  status: 'completed',
  createdAt: time,
  startedAt: time,
  endedAt: time + 2_500,
  provider: demo.provider,
  model: demo.id,
  error: null,
  usage,
  iterations: 1,
  attempts: 1,
};
const runtimeSettings = { language: 'en' };
const note = { name: 'note.txt', size: 29, modified: time, path: 'note.txt' };
const query = { sessionId, query: '6 * 7' };
const oneshot = { query: '6 * 7', sessionName: name, sessionTags: tags };

/** Examples by operation; a test holds them against the schemas. Streams, pages and files have none. */
export const EXAMPLES: Readonly<Record<string, Example>> = {
  SessionsController_create: {
    request: { name, tags, agentOptions: { temperature: 0.2 } },
    response: { sessionId, session, events: [] },
  },
  SessionsController_list: { response: { sessions: [session] } },
  SessionsController_details: { response: { session } },
  SessionsController_events: { response: { events: [userMessage, result], lastSeq: 4, hasMore: true } },
  SessionsController_latest: {
    response: { sessionId, sessionInfo: session, events: [userMessage, result] },
  },
  SessionsController_update: {
    request: { sessionId, name, metadata: { colour: 'red' } },
    response: { session },
  },
  SessionsController_delete: { request: { sessionId }, response: { success: true } },
  SessionsController_generateSummary: {
    request: { sessionId, messages: [{ role: 'user', content: 'Where shall we go in May?' }] },
    response: { summary: name },
  },
  SessionsController_chooseModel: {
    request: { sessionId, model: { provider: demo.provider, id: demo.id } },
    response: { success: true, sessionInfo: session },
  },
  QueryController_query: { request: query, response: { result, runId } },
  QueryController_stream: {
    request: {
      sessionId,
      query: [
        { type: 'text', text: 'What is this?' },
        { type: 'image_url', image_url: { url: 'https://example.com/picture.png' } },
      ],
      whenBusy: 'queue',
    },
  },
  QueryController_abort: { request: { sessionId }, response: { success: true } },
  QueryController_status: {
    response: { sessionId, status: { isProcessing: false, state: 'idle', queued: 0, queue: [] } },
  },
  QueryController_oneshot: { request: oneshot, response: { sessionId, result, runId } },
  QueryController_oneshotStream: { request: oneshot },
  QueryController_runs: { response: { runs: [run] } },
  QueryController_run: { response: { run: { ...run, steps: [] } } },
  ShareController_config: { response: { hasShareProvider: false, shareProvider: null } },
  ShareController_share: {
    request: { sessionId, upload: false },
    response: { success: true, sessionId, html: '<!doctype html>…' },
  },
  WorkspaceController_files: { response: { type: 'file', ...note } },
  WorkspaceController_search: {
    response: {
      items: [{ name: note.name, path: `${workspace}/note.txt`, type: 'file', relativePath: note.path }],
    },
  },
  WorkspaceController_validate: {
    request: { paths: [note.path, 'missing.txt'] },
    response: {
      results: [
        { path: note.path, exists: true, type: 'file' },
        { path: 'missing.txt', exists: false },
      ],
    },
  },
  SystemController_health: { response: { status: 'ok' } },
  SystemController_ready: { response: { status: 'ready' } },
  SystemController_version: {
    response: { version: '0.1.0', buildTime: '2026-11-22T09:46:43.340Z', gitHash: '204b187aa0c1' },
  },
  SystemController_models: { response: { models: [demo] } },
  SystemController_options: {
    response: {
      options: {
        name: 'Agent TARS',
        model: demo,
        workspace,
        instructions: null,
        maxIterations: 50,
        toolTimeoutMs: 30_000,
        tools: [{ name: 'read_file', description: 'Reads a text file of the workspace.' }],
      },
    },
  },
  SystemController_settings: {
    response: {
      schema: { type: 'object', properties: { language: { type: 'string' } } },
      currentValues: runtimeSettings,
    },
  },
  SystemController_setSettings: {
    request: { sessionId, runtimeSettings },
    response: { session, runtimeSettings },
  },
};

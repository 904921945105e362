// The floor: what a server cannot do without. It forwards a model's tokens as Server-Sent Events with bare node:http:
// no framework, no storage, no validation, no history. It answers the same routes as ours, as far as they are measured.
//
//   node floor.mjs MODEL_URL
import { randomUUID } from 'node:crypto';
import http from 'node:http';

const modelUrl = new URL('/v1/chat/completions', process.argv[2]);
const agent = new http.Agent({ keepAlive: true });

/** What GET /held/NAME answers: data that ours would read from its database. */
const held = new Map();
/** By session: the request to the model that is under way. */
const upstreams = new Map();
/** By session: the responses that follow it. */
const watchers = new Map();

const routes = {
  'GET /api/health': (_, res) => json(res, { status: 'ok' }),
  'POST /api/sessions/create': (_, res) => json(res, newSession(), 201),
  'POST /api/sessions/query/stream': stream,
  'POST /api/sessions/abort': ({ sessionId }, res) => {
    upstreams.get(sessionId)?.destroy();
    json(res, { success: upstreams.delete(sessionId) });
  },
  'GET /api/sessions/stream': (_, res, query) => {
    const sessionId = query.get('sessionId');
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    watchers.set(sessionId, (watchers.get(sessionId) ?? new Set()).add(res));
    res.on('close', () => watchers.get(sessionId).delete(res));
  },
  'PUT /held': (body, res, query) => json(res, { held: held.set(query.get('name'), body).size }),
  'GET /held': (_, res, query) => json(res, held.get(query.get('name'))),
};

const server = http.createServer((req, res) => {
  const [path, query] = req.url.split('?');
  const route = routes[`${req.method} ${path}`];
  if (req.method === 'GET') return route({}, res, new URLSearchParams(query));
  const parts = [];
  req.on('data', (part) => parts.push(part));
  req.on('end', () => route(JSON.parse(Buffer.concat(parts).toString()), res, new URLSearchParams(query)));
});

function json(res, value, status = 200) {
  const body = JSON.stringify(value);
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  res.end(body);
}

function newSession() {
  const [id, now] = [randomUUID(), Date.now()];
  const metadata = {
    name: '',
    tags: [],
    modelConfig: { provider: 'openai-compatible', id: 'scripted' },
    agentInfo: { name: 'floor' },
  };
  const session = {
    id,
    createdAt: now,
    updatedAt: now,
    name: '',
    tags: [],
    workspace: '/',
    metadata,
    status: 'idle',
  };
  return { sessionId: id, session, events: [] };
}

function stream({ sessionId, query }, res) {
  const body = JSON.stringify({
    model: 'scripted',
    stream: true,
    messages: [{ role: 'user', content: query }],
  });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }).flushHeaders();
  const end = () => {
    upstreams.delete(sessionId);
    res.end();
  };
  const upstream = http.request(modelUrl, { method: 'POST', agent, headers }, (response) => {
    forward(response, (frames) => {
      res.write(frames);
      for (const watcher of watchers.get(sessionId) ?? []) watcher.write(frames);
    });
    response.on('end', end).on('error', end);
  });
  upstream.on('error', end);
  upstreams.set(sessionId, upstream);
  upstream.end(body);
}

/** One frame per token; the tokens that came together leave together. */
function forward(response, send) {
  let rest = '';
  response.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    let frames = '';
    for (const line of lines) {
      if (!line.startsWith('data: {')) continue;
      const content = JSON.parse(line.slice(6)).choices[0]?.delta.content;
      if (content) frames += `data: ${JSON.stringify({ type: 'assistant_streaming_message', content })}\n\n`;
    }
    if (frames) send(frames);
  });
}

server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port} `));

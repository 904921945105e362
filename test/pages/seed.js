// A page of the server itself does what the API is documented for, with relative addresses and no token.

async function send(path, body) {
  const response = await fetch(path, {
    ...(body && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  return { status: response.status, body: await response.json() };
}

/** The events of a streaming query, as they come. */
async function stream(body) {
  const response = await fetch('/api/sessions/query/stream', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return text.split('\n\n').flatMap((frame) => {
    return frame.startsWith('data: ') ? [JSON.parse(frame.slice('data: '.length))] : [];
  });
}

/** The session followed by the browser's own means, from its first event to the end of what is stored. */
function follow(sessionId) {
  return new Promise((resolve, reject) => {
    const events = [];
    const source = new EventSource(`/api/sessions/stream?sessionId=${sessionId}&after=0`);
    source.onerror = reject;
    source.onmessage = ({ data, lastEventId }) => {
      const event = JSON.parse(data);
      events.push({ type: event.type, lastEventId });
      if (event.type !== 'replay_end') return;
      source.close();
      resolve(events);
    };
  });
}

/** A query over Socket.IO, and one that is aborted. */
async function overSocket(sessionId, options) {
  const socket = window.io(options);
  const events = [];
  const next = (name, fits = () => true) =>
    new Promise((resolve) => {
      const listen = (value) => {
        if (!fits(value)) return;
        socket.off(name, listen);
        resolve(value);
      };
      socket.on(name, listen);
    });
  await next('connect');
  socket.on('agent-event', (event) => events.push(event.type));
  socket.emit('join-session', sessionId);
  await next('agent-status');
  const ended = next('agent-event', ({ type }) => type === 'agent_run_end');
  socket.emit('send-query', { sessionId, query: 'Hello, Agent TARS!' });
  await ended;
  const begun = next('agent-event', ({ type }) => type === 'assistant_streaming_message');
  socket.emit('send-query', { sessionId, query: 'hold' });
  await begun;
  const aborted = next('abort-result');
  socket.emit('abort-query', { sessionId });
  const result = await aborted;
  socket.close();
  return { events: [...new Set(events)], result };
}

const IMAGE =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==';

async function everything() {
  const created = await send('/api/sessions/create', {});
  const { sessionId } = created.body;
  const id = `sessionId=${sessionId}`;
  return {
    created,
    listed: await send('/api/sessions'),
    details: await send(`/api/sessions/details?${id}`),
    status: await send(`/api/sessions/status?${id}`),
    updated: await send('/api/sessions/update', {
      sessionId,
      name: 'New Session Name',
      tags: ['tag1', 'tag2'],
    }),
    answered: await send('/api/sessions/query', { sessionId, query: 'Hello, Agent TARS!' }),
    seen: await send('/api/sessions/query', {
      sessionId,
      query: [
        { type: 'text', text: "What's in this image?" },
        { type: 'image_url', image_url: { url: IMAGE } },
      ],
    }),
    streamed: await stream({ sessionId, query: 'Hello, Agent TARS!' }),
    events: await send(`/api/sessions/events?${id}`),
    followed: await follow(sessionId),
    aborted: await send('/api/sessions/abort', { sessionId }),
    overWebSocket: await overSocket(sessionId, { transports: ['websocket'] }),
    overPolling: await overSocket(sessionId, { transports: ['polling'] }),
    overBoth: await overSocket(sessionId, {}),
    shareConfig: await send('/api/share/config'),
    shared: await send('/api/sessions/share', { sessionId, upload: true }),
    page: await send('/api/sessions/share', { sessionId, upload: false }),
    custom: await send('/custom-endpoint'),
    deleted: await send('/api/sessions/delete', { sessionId }),
    gone: await send(`/api/sessions/details?${id}`),
  };
}

window.addEventListener('load', async () => {
  window.results = await everything().catch((error) => ({ failed: String(error.stack ?? error) }));
});

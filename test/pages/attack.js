// A page tries everything that pages can try against a server: to read from it, to make it do something, to talk to
// it. `results` tells for each attempt what it got: a text that it could read, or null. Whether the server did
// anything, the server is asked afterwards.

const asked = new URLSearchParams(location.search);
const target = asked.get('target');
const sessionId = asked.get('sessionId');

const PATIENCE_MS = 15_000;
const query = { sessionId, query: 'by the page' };
const body = JSON.stringify(query);

/** What came, if it came as an answer and not as a refusal. */
async function textOf(answering) {
  const response = await answering;
  const text = response.ok ? await response.text() : '';
  return text === '' ? null : text.slice(0, 200);
}

function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}

/** Everything that fetch can send without asking first, and what it must ask for. */
const BODIES = {
  nothing: () => ({}),
  text: () => ({ body, headers: { 'content-type': 'text/plain' } }),
  JSON: () => ({ body, headers: { 'content-type': 'application/json' } }),
  'JSON without a type': () => ({ body: new Blob([body]) }),
  'a form': () => ({ body: new URLSearchParams(query) }),
  'a form of parts': () => ({ body: form(query) }),
  'JSON and a header': () => ({ body, headers: { 'content-type': 'text/plain', authorization: 'Bearer x' } }),
};
const CHANGES = ['/api/sessions/create', '/api/sessions/query', '/api/oneshot/query', '/api/sessions/delete'];
const READS = ['/api/sessions', `/api/sessions/events?sessionId=${sessionId}`, '/', '/custom-endpoint'];

const attempts = {};

for (const mode of ['cors', 'no-cors', 'same-origin']) {
  for (const credentials of ['include', 'omit']) {
    for (const path of READS) {
      attempts[`fetch ${mode} ${credentials} GET ${path.split('?')[0]}`] = () =>
        textOf(fetch(target + path, { mode, credentials }));
    }
  }
  for (const [what, bodyOf] of Object.entries(BODIES)) {
    for (const path of [...CHANGES, '/custom-endpoint']) {
      attempts[`fetch ${mode} POST ${path} ${what}`] = () =>
        textOf(fetch(target + path, { method: 'POST', mode, credentials: 'include', ...bodyOf() }));
    }
  }
  attempts[`fetch ${mode} DELETE`] = () =>
    textOf(fetch(`${target}/api/sessions`, { method: 'DELETE', mode }));
}

attempts['XMLHttpRequest'] = () =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `${target}/api/sessions/create`);
    request.withCredentials = true;
    request.onload = () => resolve(request.status < 300 ? request.responseText : null);
    request.onerror = () => reject(new Error('refused'));
    request.send();
  });

/** An element that loads something, until it has or could not. */
function element(name, attributes, got = () => 'it was loaded') {
  return new Promise((resolve, reject) => {
    const made = document.createElement(name);
    made.onload = () => resolve(got(made));
    made.onloadedmetadata = () => resolve(got(made));
    made.onerror = () => reject(new Error('refused'));
    Object.assign(made, attributes);
    document.body.append(made);
  });
}

attempts['an image'] = () => element('img', { src: `${target}/api/docs/favicon-32x32.png` });
attempts['an image of a route'] = () => element('img', { src: `${target}/api/sessions` });
attempts['a script'] = () => element('script', { src: `${target}/app.js` });
attempts['a script of Socket.IO'] = () => element('script', { src: `${target}/socket.io/socket.io.js` });
attempts['a route as a script'] = () => element('script', { src: `${target}/api/sessions` });
attempts['a module'] = async () => JSON.stringify(await import(`${target}/app.js`));
attempts['a style sheet'] = () =>
  element('link', { rel: 'stylesheet', href: `${target}/api/docs/swagger-ui.css` });
attempts['a video'] = () => element('video', { src: `${target}/api/sessions`, preload: 'auto' });
attempts['a worker'] = () =>
  new Promise((resolve, reject) => {
    const worker = new Worker(`${target}/app.js`);
    worker.onmessage = () => resolve('it runs');
    worker.onerror = () => reject(new Error('refused'));
  });
// A refusal is shown in a frame as any page is: only what it holds tells. The test looks into it, too.
const inFrame = (frame) => {
  const text = frame.contentDocument?.body.textContent ?? '';
  return text === '' || text.includes('FORBIDDEN') ? null : text;
};
attempts['a frame'] = () => element('iframe', { src: `${target}/` }, inFrame);
attempts['a frame of a route'] = () => element('iframe', { src: `${target}/api/sessions` }, inFrame);

attempts['EventSource'] = () =>
  new Promise((resolve, reject) => {
    const source = new EventSource(`${target}/api/sessions/stream?sessionId=${sessionId}&after=0`, {
      withCredentials: true,
    });
    source.onmessage = ({ data }) => {
      source.close();
      resolve(data);
    };
    source.onerror = () => {
      source.close();
      reject(new Error('refused'));
    };
  });
attempts['WebSocket'] = () =>
  new Promise((resolve, reject) => {
    const base = new URL(target || location.origin).href.replace(/^http/, 'ws');
    const socket = new WebSocket(`${base}socket.io/?EIO=4&transport=websocket`);
    socket.onopen = () => resolve('it is open');
    socket.onerror = () => reject(new Error('refused'));
  });
attempts['polling by fetch'] = () => textOf(fetch(`${target}/socket.io/?EIO=4&transport=polling`));
for (const transport of ['polling', 'websocket']) {
  attempts[`Socket.IO by ${transport}`] = () =>
    new Promise((resolve, reject) => {
      const socket = window.io(target || location.origin, {
        transports: [transport],
        reconnection: false,
        withCredentials: true,
      });
      socket.once('connect_error', reject);
      socket.once('connect', () => {
        socket.emit('send-query', query, (ack) => resolve(JSON.stringify(ack)));
      });
    });
}

// What the browser sends without telling the page what came of it.
attempts['beacons'] = async () => {
  navigator.sendBeacon(`${target}/api/sessions/create`);
  navigator.sendBeacon(`${target}/api/sessions/query`, body);
  navigator.sendBeacon(`${target}/api/sessions/query`, form(query));
  navigator.sendBeacon(`${target}/api/sessions/query`, new Blob([body], { type: 'application/json' }));
  return null;
};

/** A form that submits itself into a frame. As text it makes its one field into JSON, as attackers do. */
function submit(enctype, path) {
  const frame = document.createElement('iframe');
  frame.name = `${enctype} ${path}`;
  const made = document.createElement('form');
  Object.assign(made, { method: 'POST', action: target + path, target: frame.name, enctype });
  const fields = enctype === 'text/plain' ? { [`${body.slice(0, -1)},"x":"`]: '"}' } : query;
  for (const [name, value] of Object.entries(fields)) {
    made.append(Object.assign(document.createElement('input'), { name, value }));
  }
  document.body.append(frame, made);
  return new Promise((resolve) => {
    frame.onload = () => resolve(inFrame(frame));
    made.submit();
  });
}
for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
  for (const path of [...CHANGES, '/custom-endpoint']) {
    attempts[`a form ${enctype} ${path}`] = () => submit(enctype, path);
  }
}

async function tryIt(attempt) {
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, null));
  try {
    return await Promise.race([attempt(), late]);
  } catch {
    return null; // refused: by the browser, or by the server
  }
}

window.addEventListener('load', async () => {
  document.querySelector('#link').href = `${target}/api/sessions`;
  const only = asked.getAll('only');
  const names = Object.keys(attempts).filter((name) => only.length === 0 || only.includes(name));
  const got = await Promise.all(names.map((name) => tryIt(attempts[name])));
  window.results = Object.fromEntries(names.map((name, i) => [name, got[i]]));
});

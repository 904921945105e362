// A scripted language model with an OpenAI-compatible API. What it answers stands in the last user message:
//
//   [[tokens=100,delay=20]]  100 tokens, one every 20 ms (without a delay: as fast as they are taken)
//   [[calls=50]]             first 50 calls of list_directory in one message, then a short answer
//
// Each token is ` T<microseconds>;`, the time at which it was made (see nowUs), so that whoever reads it knows its age.
// GET /stats answers how many bytes the last request had.
import http from 'node:http';
import { nowUs } from '../lib/stats.mjs';

/** Tokens that are written at once when there is no delay. */
const BURST = 16;
/** Of the golden ratio: requests that come together are spread evenly over one delay, as real models would be. */
const PHASE = 0.618;

const HEAD =
  'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1,"model":"scripted","choices":[{"index":0,"delta":';
const TAIL = ',"finish_reason":null}]}\n\n';
const token = () => `${HEAD}{"content":" T${nowUs()};"}${TAIL}`;

let requests = 0;
let lastBytes = 0;

const server = http.createServer((req, res) => {
  const parts = [];
  req.on('data', (part) => parts.push(part));
  req.on('end', () => {
    if (req.method === 'GET') return res.end(JSON.stringify({ requests, lastBytes }));
    const body = Buffer.concat(parts);
    requests += 1;
    lastBytes = body.length;
    answer(res, JSON.parse(body.toString()));
  });
});

function answer(res, { messages }) {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  const {
    tokens = 3,
    delay = 0,
    calls = 0,
  } = directives(textOf(messages.findLast(({ role }) => role === 'user')));
  if (calls > 0 && messages.at(-1).role === 'user') callTools(res, calls);
  else if (delay > 0) paced(res, tokens, delay);
  else atFullSpeed(res, tokens);
}

function textOf({ content }) {
  return typeof content === 'string' ? content : content.map(({ text = '' }) => text).join('');
}

/** `[[a=1,b=2]]` as { a: 1, b: 2 } */
function directives(text) {
  const [, list = ''] = /\[\[([\w=,]+)\]\]/.exec(text) ?? [];
  return Object.fromEntries(list.split(',').map((pair) => [pair.split('=')[0], Number(pair.split('=')[1])]));
}

function paced(res, tokens, delay) {
  let left = tokens;
  let timer;
  const tick = () => {
    res.write(token());
    if (--left > 0) return;
    clearInterval(timer);
    end(res, tokens);
  };
  const begin = setTimeout(
    () => {
      timer = setInterval(tick, delay);
      tick();
    },
    Math.floor(((requests * PHASE) % 1) * delay),
  );
  res.on('close', () => {
    clearTimeout(begin);
    clearInterval(timer);
  });
}

function atFullSpeed(res, tokens) {
  let left = tokens;
  const burst = () => {
    if (res.destroyed) return;
    const count = Math.min(left, BURST);
    left -= count;
    const room = res.write(token().repeat(count));
    if (left === 0) end(res, tokens);
    else if (room) setImmediate(burst);
    else res.once('drain', burst);
  };
  burst();
}

function callTools(res, calls) {
  for (let index = 0; index < calls; index++) {
    const call = {
      index,
      id: `call_${requests}_${index}`,
      type: 'function',
      function: { name: 'list_directory', arguments: '{}' },
    };
    res.write(`${HEAD}${JSON.stringify({ tool_calls: [call] })}${TAIL}`);
  }
  end(res, calls, 'tool_calls');
}

function end(res, tokens, reason = 'stop') {
  const usage = { prompt_tokens: 1, completion_tokens: tokens, total_tokens: tokens + 1 };
  res.write(`${HEAD}{},"finish_reason":"${reason}"}]}\n\n`);
  res.write(
    `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1,"model":"scripted","choices":[],"usage":${JSON.stringify(usage)}}\n\n`,
  );
  res.end('data: [DONE]\n\n');
}

server.keepAliveTimeout = 300_000; // a connection closed at the wrong moment would be an error in the figures
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port} `));

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Module, Put } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsArray, IsInt, ValidateNested } from 'class-validator';
import {
  type ApiDocument,
  DocumentChecker,
  type Operation,
  operationsOf,
  refsOf,
  resolve,
} from '../support/api-document.js';
import { Gate } from '../support/model-stub.js';
import { TestServer } from '../support/test-server.js';

interface Discriminated {
  readonly oneOf: readonly { readonly $ref: string }[];
  readonly discriminator: {
    readonly propertyName: string;
    readonly mapping: Readonly<Record<string, string>>;
  };
}

describe('the API document', () => {
  let app: TestServer;
  let document: ApiDocument;
  let operations: Operation[];

  beforeAll(async () => {
    app = await TestServer.start();
    ({ body: document } = await app.get<ApiDocument>('/api/docs/openapi.json'));
    operations = operationsOf(document);
  });
  afterAll(() => app.stop());

  it('is OpenAPI 3.1 in JSON', async () => {
    const { status, headers } = await app.get('/api/docs/openapi.json');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
  });

  it('has every route that the server has, and no other', () => {
    const documented = operations.map(({ method, path }) => `${method} ${path}`);
    expect(documented.sort()).toEqual(routesOf(app).sort());
    expect(documented).toContain('post /api/sessions/query');
    expect(documented).toContain('get /api/runs/{id}');
  });

  it('says of every operation what it does, what it answers and how it fails', () => {
    for (const { operationId, summary, responses } of operations) {
      const [success = '', ...failures] = Object.keys(responses);
      const types = Object.keys(responses[success]?.content ?? {});
      expect({ operationId, summary, success, types, failures }).toEqual({
        operationId,
        summary: expect.stringMatching(/\w/),
        success: expect.stringMatching(/^2\d\d$/),
        types: [expect.stringMatching(/\//)],
        failures: failures.filter((status) => /^[45]\d\d$/.test(status)),
      });
      expect(failures).toEqual(expect.arrayContaining(['403', '429', '431', '500']));
    }
  });

  it('names the codes of every status, each with the shape of its error', () => {
    expect(codesOf('get', '/api/sessions/details')).toEqual({
      400: ['INVALID_INPUT'],
      401: ['UNAUTHORIZED'],
      403: ['FORBIDDEN'],
      404: ['SESSION_NOT_FOUND'],
      429: ['RATE_LIMITED'],
      431: ['HEADERS_TOO_LARGE'],
      500: ['INTERNAL'],
      503: ['DATABASE_UNAVAILABLE'],
    });
    expect(codesOf('post', '/api/sessions/query')).toMatchObject({
      409: ['IDEMPOTENCY_MISMATCH', 'RUN_ABORTED', 'SESSION_BUSY'],
      413: ['PAYLOAD_TOO_LARGE'],
      429: ['QUEUE_FULL', 'RATE_LIMITED'],
      502: ['MODEL_AUTH', 'MODEL_ERROR', 'MODEL_RATE_LIMITED', 'MODEL_TIMEOUT'],
    });
    const { responses } = operation('get', '/api/sessions/details');
    const $ref = responses['404']?.$ref ?? '';
    expect($ref).toBe('#/components/responses/SessionNotFound');
    const checker = new DocumentChecker(document);
    const schema = `${$ref.slice(1)}/content/application~1json/schema`;
    checker.expect({ error: 'No.', code: 'SESSION_NOT_FOUND' }, schema);
    expect(() => checker.expect({ error: 'No.', code: 'FORBIDDEN' }, schema)).toThrow();
  });

  it('takes a token or a cookie, and neither for what a balancer asks', async () => {
    expect(Object.keys(document.components.securitySchemes)).toEqual(['bearer', 'cookie']);
    expect(document.security).toEqual([{}, { bearer: [] }, { cookie: [] }]);
    for (const { path, security, responses } of operations) {
      const isOpen = path === '/api/health' || path === '/api/ready';
      expect([path, security, '401' in responses]).toEqual([path, isOpen ? [] : undefined, !isOpen]);
    }
    const guarded = await TestServer.start({ config: { server: { auth: { token: 'a'.repeat(32) } } } });
    try {
      const { body } = await guarded.send<ApiDocument>('GET', '/api/docs/openapi.json', undefined, {
        authorization: `Bearer ${'a'.repeat(32)}`,
      });
      expect(body.security).toEqual([{ bearer: [] }, { cookie: [] }]);
    } finally {
      await guarded.stop();
    }
  });

  it('names the headers of answers', () => {
    const headersOf = (method: string, path: string, status: string): string[] => {
      const { $ref, headers } = operation(method, path).responses[status] ?? {};
      const answer = $ref ? (resolve(document, $ref.slice(1)) as { headers: object }) : { headers };
      return Object.keys(answer.headers ?? {});
    };
    expect(headersOf('get', '/api/health', '200')).toEqual(['X-Request-Id']);
    expect(headersOf('post', '/api/sessions/create', '201')).toEqual([
      'X-Request-Id',
      'Location',
      'Idempotency-Replayed',
    ]);
    expect(headersOf('get', '/api/sessions', '429')).toEqual(['X-Request-Id', 'Retry-After']);
    expect(headersOf('get', '/api/sessions', '401')).toEqual(['X-Request-Id', 'WWW-Authenticate']);
  });

  it('has whole numbers where the server sends whole numbers', () => {
    const fractions: string[] = [];
    const walk = (value: unknown, where: string): void => {
      if (typeof value !== 'object' || value === null) return;
      if ('type' in value && value.type === 'number') fractions.push(where);
      for (const [key, inner] of Object.entries(value)) walk(inner, `${where}/${key}`);
    };
    walk({ paths: document.paths, schemas: document.components.schemas }, '');
    expect(fractions).toEqual([
      '/schemas/AgentOptionsDto/properties/temperature',
      '/schemas/AgentOptions/properties/temperature',
    ]);
  });

  it('has an example of every JSON body, and every example fits', () => {
    const checker = new DocumentChecker(document);
    for (const { method, path, requestBody, responses } of operations) {
      const [status = ''] = Object.keys(responses);
      const bodies = [
        [requestBody?.content['application/json'], 'requestBody/content'],
        [responses[status]?.content?.['application/json'], `responses/${status}/content`],
      ] as const;
      for (const [body, place] of bodies) {
        if (!body || path.startsWith('/api/docs')) continue;
        expect([method, path, place, body.example]).toEqual([method, path, place, expect.anything()]);
        const steps = ['paths', path, method].map((step) => encodeURIComponent(step.replaceAll('/', '~1')));
        checker.expect(body.example, `/${steps.join('/')}/${place}/application~1json/schema`);
      }
    }
  });

  it('tells the kinds of events apart by their type', () => {
    const { AgentEvent, ContentPart } = document.components.schemas as unknown as Record<
      string,
      Discriminated
    >;
    expect(ContentPart?.discriminator.mapping).toEqual({
      text: '#/components/schemas/TextPart',
      image_url: '#/components/schemas/ImagePart',
    });
    const { discriminator, oneOf = [] } = AgentEvent ?? {};
    expect(discriminator?.propertyName).toBe('type');
    expect(discriminator?.mapping).toMatchObject({
      user_message: '#/components/schemas/UserMessageEvent',
      plan_update: '#/components/schemas/PlanEvent',
    });
    expect(new Set(Object.values(discriminator?.mapping ?? {}))).toEqual(
      new Set(oneOf.map(({ $ref }) => $ref)),
    );
  });

  it('holds together: references lead somewhere, ids are unique, paths name their parameters', () => {
    for (const ref of refsOf(document))
      expect([ref, resolve(document, ref)]).toEqual([ref, expect.any(Object)]);
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { path, parameters } of operations) {
      const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      expect([path, inPath]).toEqual([path, [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)]);
    }
  });

  it('asks in requests for what the validators ask for', () => {
    const { QueryDto, UpdateSessionDto, CreateSessionDto, ChooseModelDto } = document.components.schemas;
    expect(QueryDto).toMatchObject({
      type: 'object',
      required: ['sessionId', 'query'],
      properties: {
        sessionId: { type: 'string', minLength: 1, maxLength: 100 },
        query: {
          allOf: [{ $ref: '#/components/schemas/QueryContent' }],
          description: expect.stringContaining('content parts'),
        },
        whenBusy: { type: 'string', enum: ['reject', 'queue', 'interrupt'] },
        idempotencyKey: { type: 'string', maxLength: 200 },
      },
    });
    expect(UpdateSessionDto).toMatchObject({
      required: ['sessionId'],
      properties: {
        tags: { type: 'array', maxItems: 100, items: { type: 'string', maxLength: 200 } },
        metadata: { type: 'object' },
      },
    });
    expect(CreateSessionDto).toMatchObject({
      properties: { agentOptions: { $ref: '#/components/schemas/AgentOptionsDto' } },
    });
    expect(CreateSessionDto).not.toHaveProperty('required');
    expect(ChooseModelDto).toMatchObject({ required: expect.arrayContaining(['model', 'sessionId']) });
    expect(document.components.schemas['AgentOptionsDto']).toMatchObject({
      properties: { maxIterations: { type: 'integer', minimum: 1, maximum: 10_000 } },
    });
    const { parameters } = operation('get', '/api/sessions/events');
    expect(parameters).toContainEqual({
      name: 'sessionId',
      in: 'query',
      required: true,
      schema: { type: 'string', minLength: 1, maxLength: 100 },
    });
    expect(parameters).toContainEqual(
      expect.objectContaining({
        name: 'after',
        required: false,
        schema: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
      }),
    );
    expect(operation('post', '/api/sessions/create').requestBody?.required).toBe(false);
    expect(operation('post', '/api/sessions/query').requestBody?.required).toBe(true);
  });

  it('describes a text, and text and image parts, as the content of a query', () => {
    const checker = new DocumentChecker(document);
    const parts = [
      { type: 'text', text: 'hi' },
      { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
    ];
    for (const query of ['hi', parts])
      checker.expect({ sessionId: 's', query }, '/components/schemas/QueryDto');
    expect(() =>
      checker.expect({ sessionId: 's', query: [{ type: 'sound' }] }, '/components/schemas/QueryDto'),
    ).toThrow();
  });

  it('describes streams as Server-Sent Events of agent events', () => {
    for (const [method, path] of [
      ['get', '/api/sessions/stream'],
      ['post', '/api/sessions/query/stream'],
      ['post', '/api/oneshot/query/stream'],
    ] as const) {
      const { schema } = operation(method, path).responses['200']?.content?.['text/event-stream'] ?? {};
      expect(refsOf(schema)).toContain('#/components/schemas/AgentEvent');
    }
    const { parameters } = operation('get', '/api/sessions/stream');
    expect(parameters).toContainEqual(expect.objectContaining({ name: 'last-event-id', in: 'header' }));
  });

  it('describes exactly what the server answers', async () => {
    const checker = new DocumentChecker(document);
    const get = async (path: string, query = '') => {
      const { status, body } = await app.get<object>(`/api/${path}${query}`);
      checker.expect(body, pointerTo('get', `/api/${path}`, status));
    };
    const post = async (path: string, input: object) => {
      const { status, body } = await app.post<{ sessionId: string; runId: string }>(`/api/${path}`, input);
      checker.expect(body, pointerTo('post', `/api/${path}`, status));
      return body;
    };
    app.model.next(
      (reply) => reply.thinking('hm').text('Let me see.').toolCall('read_file', { path: 'note.txt' }).end(),
      (reply) => reply.text('It says so.').end(),
    );
    const { sessionId } = await post('sessions/create', { name: 'One', agentOptions: { temperature: 0 } });
    const { runId } = await post('sessions/query', { sessionId, query: 'what does it say?' });
    for (const path of ['health', 'ready', 'version', 'models', 'agent/options', 'share/config'])
      await get(path);
    for (const path of ['sessions', 'sessions/events/latest', 'runtime-settings']) await get(path);
    for (const path of ['details', 'events', 'status'])
      await get(`sessions/${path}`, `?sessionId=${sessionId}`);
    await get('runs', `?sessionId=${sessionId}`);
    for (const query of ['', '&path=note.txt', '&path=note.txt&download=1'])
      await get('sessions/workspace/files', `?sessionId=${sessionId}${query}`);
    await get('sessions/workspace/search', `?sessionId=${sessionId}&q=note`);
    const paths = { paths: ['note.txt', 'missing', '..'] };
    const checked = await app.post<object>(`/api/sessions/workspace/validate?sessionId=${sessionId}`, paths);
    checker.expect(checked.body, pointerTo('post', '/api/sessions/workspace/validate', checked.status));
    await post('sessions/update', { sessionId, metadata: { colour: 'red' } });
    await post('sessions/share', { sessionId, upload: false });
    await post('oneshot/query', { query: 'hi' });
    const run = await app.get<object>(`/api/runs/${runId}`);
    checker.expect(run.body, pointerTo('get', '/api/runs/{id}', run.status));
    const unknown = await app.get<object>('/api/sessions/details?sessionId=none');
    checker.expect(unknown.body, '/components/schemas/SessionNotFoundError');
    await post('sessions/delete', { sessionId });
  });

  it('describes exactly what the streams send', async () => {
    const checker = new DocumentChecker(document);
    const sessionId = await app.createSession();
    app.model.next(
      (reply) => reply.thinking('hm').toolCall('read_file', { path: 'note.txt' }).end(),
      (reply) => reply.text('It says', ' so.').end(),
    );
    const query = await app.stream(sessionId);
    for (const event of await query.ended) {
      checker.expect(event, pointerTo('post', '/api/sessions/query/stream', 200, 'text/event-stream'));
    }
    const oneshot = await app.sse('POST', '/api/oneshot/query/stream', { query: 'hi' });
    for (const event of await oneshot.ended) {
      checker.expect(event, pointerTo('post', '/api/oneshot/query/stream', 200, 'text/event-stream'));
    }
    const gate = new Gate();
    app.model.next(async (reply) => {
      await gate.opened;
      reply.text('first').end();
    });
    const first = await app.stream(sessionId);
    const waiting = await app.stream(sessionId, 'and then?', { whenBusy: 'queue' });
    const queued = await waiting.until('queued');
    checker.expect(queued, pointerTo('post', '/api/sessions/query/stream', 200, 'text/event-stream'));
    gate.open();
    await Promise.all([first.ended, waiting.ended]);
    const follower = await app.follow(sessionId);
    const replayEnd = await follower.until('replay_end');
    follower.leave();
    checker.expect(replayEnd, pointerTo('get', '/api/sessions/stream', 200, 'text/event-stream'));
  });

  function codesOf(method: string, path: string): Record<string, string[]> {
    const [, ...failures] = Object.entries(operation(method, path).responses);
    const names = failures.map(([status, { $ref = '' }]) => {
      const { description } = resolve(document, $ref.slice(1)) as { description: string };
      return [status, description.match(/[A-Z]+(?:_[A-Z]+)*(?= or |\.$)/g)];
    });
    return Object.fromEntries(names) as Record<string, string[]>;
  }

  function operation(method: string, path: string): Operation {
    const found = operations.find((each) => each.method === method && each.path === path);
    if (!found) throw new Error(`${method} ${path} is not documented.`);
    return found;
  }

  function pointerTo(method: string, path: string, status: number, type = 'application/json'): string {
    const steps = ['paths', path, method, 'responses', String(status), 'content', type, 'schema'];
    return `/${steps.map((step) => encodeURIComponent(step.replaceAll('/', '~1'))).join('/')}`;
  }
});

class PointDto {
  @IsInt()
  readonly x: number;
}

class ShapeDto {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => PointDto)
  readonly points: PointDto[];
}

@Controller('shapes')
class ShapesController {
  @Put()
  put(@Body() shape: ShapeDto): number {
    return shape.points.length;
  }
}

@Module({ controllers: [ShapesController] })
class ShapesModule {}

it('has the routes of what extends the server, with what their validators ask for', async () => {
  const app = await TestServer.start({ extensions: { imports: [ShapesModule] } });
  try {
    const { body } = await app.get<ApiDocument>('/api/docs/openapi.json');
    expect(body.paths['/api/shapes']).toMatchObject({ put: { requestBody: { required: true } } });
    expect(body.components.schemas).toMatchObject({
      ShapeDto: {
        properties: { points: { type: 'array', items: { $ref: '#/components/schemas/PointDto' } } },
      },
      PointDto: { properties: { x: { type: 'integer' } }, required: ['x'] },
    });
  } finally {
    await app.stop();
  }
});

/** The routes as Express has them, in the document's notation. */
function routesOf({ server }: TestServer): string[] {
  const { router } = server.getApp() as unknown as { router: { stack: { route?: Route }[] } };
  return router.stack.flatMap(({ route }) => (route ? namesOf(route) : []));
}

interface Route {
  readonly path: string;
  readonly methods: Readonly<Record<string, boolean>>;
}

function namesOf({ path, methods }: Route): string[] {
  const names = Object.keys(methods);
  if (names.length > 20) return []; // every method there is: Nest's own answer where there is no route
  return names.map((method) => `${method} ${path.replace(/\{?[:*](\w+)\}?/g, '{$1}')}`);
}

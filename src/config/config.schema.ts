import { z } from 'zod';
import { LOG_LEVELS, MODEL_PROVIDERS, SQLITE_DRIVERS, WHEN_BUSY } from './config.types.js';

// Each message completes the sentence "server.port is 99999, but must be …".

const text = z.string({ error: 'a text' }).min(1, 'a text that is not empty');
const flag = z.boolean({ error: 'true or false' });
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `one of ${values.join(', ')}` });
const whole = (min: number, max: number, unit: string) => {
  const error = `a whole number from ${min} to ${max}${unit && ` (${unit})`}`;
  return z.int({ error }).min(min, error).max(max, error);
};
const HTTP_URL = 'a URL that starts with http:// or https:// and holds no user or password';
const httpUrl = z.string({ error: HTTP_URL }).refine(isHttpUrl, HTTP_URL);
const hostName = z
  .string({ error: 'a host name' })
  .regex(/^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)$/i, 'a host name without scheme and port');
const ORIGIN = 'an origin such as https://example.org or http://localhost:5173, without a path';
const origin = z
  .string({ error: ORIGIN })
  .refine((text) => URL.canParse(text) && new URL(text).origin === text.toLowerCase(), ORIGIN);
const perClient = whole(1, 1_000_000_000, '');
const milliseconds = whole(1, 86_400_000, 'milliseconds');

const VISIBLE = 'a name such as .env.example, or a path in the workspace such as .github/workflows';
const visible = z
  .string({ error: VISIBLE })
  .refine((path) => /^[^/\\]+(\/[^/\\]+)*$/.test(path) && !/(^|\/)\.\.?(\/|$)/.test(path), VISIBLE);

const model = z.object(
  {
    provider: oneOf(MODEL_PROVIDERS).optional(),
    id: text.optional(),
    apiKey: text.optional(),
    baseURL: httpUrl.optional(),
    displayName: text.optional(),
    firstTokenTimeoutMs: milliseconds.optional(),
    idleTimeoutMs: milliseconds.optional(),
    maxAnswerChars: whole(1_000, 1_000_000_000, 'characters').optional(),
  },
  { error: 'an object such as { provider: "openai", id: "gpt-5-mini" }' },
);

const storage = z.discriminatedUnion(
  'type',
  [
    z.object({
      type: z.literal('sqlite'),
      path: text.optional(),
      driver: oneOf(SQLITE_DRIVERS).optional(),
    }),
    z.object({ type: z.literal('memory'), driver: oneOf(SQLITE_DRIVERS).optional() }),
  ],
  { error: '{ type: "sqlite", path } or { type: "memory" }' },
);

function isHttpUrl(text: string): boolean {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === ''; // fetch takes neither
}

/** Runtime settings are checked with it: one that cannot be used must stop the start, not the first request. */
function isObjectSchema(schema: Record<string, unknown>): boolean {
  try {
    return schema['type'] === 'object' && z.fromJSONSchema(schema) !== undefined;
  } catch {
    return false;
  }
}

const PORT = 'a whole number from 0 to 65535, or "auto"';
const BASE_PATH = 'a path such as /api';

export const configSchema = z.object(
  {
    server: z
      .object(
        {
          port: z
            .union([z.int().min(0, PORT).max(65_535, PORT), z.literal('auto')], { error: PORT })
            .optional(),
          host: text.optional(),
          open: flag.optional(),
          basePath: z
            .string({ error: BASE_PATH })
            .regex(/^(\/[\w.-]+)+$/, BASE_PATH)
            .optional(),
          storage: storage.optional(),
          whenBusy: oneOf(WHEN_BUSY).optional(),
          exclusive: flag.optional(),
          maxConcurrentRuns: whole(1, 100_000, '').optional(),
          maxQueued: whole(0, 10_000, '').optional(),
          shutdownGraceMs: whole(0, 86_400_000, 'milliseconds').optional(),
          maxBodyBytes: whole(1024, 1_073_741_824, 'bytes').optional(),
          maxFrameBytes: whole(4_096, 1_073_741_824, 'bytes').optional(),
          watchdogMs: milliseconds.optional(),
          limits: z
            .object(
              {
                requestsPerMinute: perClient.optional(),
                runsPerMinute: perClient.optional(),
                connections: perClient.optional(),
                sockets: perClient.optional(),
                handshakes: perClient.optional(),
                handshakesPerMinute: perClient.optional(),
                strangers: perClient.optional(),
                messagesPerMinute: perClient.optional(),
                messageBytes: whole(1024, 1_073_741_824, 'bytes').optional(),
                stalledReaderMs: milliseconds.optional(),
              },
              { error: 'an object such as { requestsPerMinute: 600 }' },
            )
            .optional(),
          trustProxy: flag.optional(),
          auth: z
            .union([z.literal(true), z.object({ token: text.optional() })], {
              error: 'true, or { token } with a token of your own; leave it out for none',
            })
            .optional(),
          insecureNoAuth: flag.optional(),
          fetchImages: flag.optional(),
          allowedHosts: z.array(hostName, { error: 'a list of host names' }).optional(),
          allowedOrigins: z.array(origin, { error: 'a list of origins' }).optional(),
          models: z.array(model, { error: 'a list of models' }).optional(),
          runtimeSettings: z
            .object(
              {
                schema: z
                  .record(z.string(), z.unknown(), { error: 'a JSON Schema' })
                  .refine(isObjectSchema, 'a JSON Schema of an object: { type: "object", properties }'),
              },
              { error: 'an object with a JSON Schema: { schema: { type: "object", properties } }' },
            )
            .optional(),
        },
        { error: 'an object' },
      )
      .optional(),
    workspace: text.optional(),
    files: z
      .object(
        { visible: z.array(visible, { error: 'a list of names and paths' }).optional() },
        { error: 'an object such as { visible: [".env.example"] }' },
      )
      .optional(),
    dataDir: text.optional(),
    model: model.optional(),
    share: z.object({ provider: httpUrl.optional() }, { error: 'an object' }).optional(),
    tools: z.array(z.unknown(), { error: 'a list of tools' }).optional(),
    instructions: text.optional(),
    agent: z
      .object(
        {
          name: text.optional(),
          maxIterations: whole(1, 10_000, '').optional(),
          toolTimeoutMs: milliseconds.optional(),
        },
        { error: 'an object' },
      )
      .optional(),
    webui: z
      .object({ enabled: flag.optional(), staticPath: text.optional() }, { error: 'an object' })
      .optional(),
    logLevel: oneOf(LOG_LEVELS).optional(),
  },
  { error: 'an object' },
);

/** The configuration was refused. Its message has one line for each bad value. */
export class InvalidConfig extends Error {
  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.name = 'InvalidConfig';
  }
}

/** One line for each value that the schema refuses: the key, the value and what is allowed. */
export function describeIssues(error: z.ZodError, input: unknown): string[] {
  const lines = error.issues.map((issue) => {
    const key = issue.path.map(String).join('.');
    const value = issue.path.reduce<unknown>(
      (at, step) => (Object(at) as Record<PropertyKey, unknown>)[step],
      input,
    );
    return `${key || 'The configuration'} is ${show(key, value)}, but must be ${issue.message}.`;
  });
  return [...new Set(lines)];
}

/** A value as one line may show it: short, and without anything secret in it. */
function show(key: string, value: unknown): string {
  const mask = (name: string, each: unknown) =>
    /key|token|secret|password|\bauth$/i.test(name) ? '***' : each;
  if (mask(key, value) === '***') return '***';
  const json = typeof value === 'bigint' ? String(value) : (JSON.stringify(value, mask) ?? typeof value);
  const withoutUsers = json.replace(/\/\/[^/?#\s"]*@/g, '//***@');
  return withoutUsers.length > 200 ? `${withoutUsers.slice(0, 200)}…` : withoutUsers;
}

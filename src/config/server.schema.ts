import { z } from 'zod';
import { type ModelInput, modelSchema, type ModelSettings } from './model.schema.js';
import {
  flag,
  hostName,
  milliseconds,
  type Named,
  objectSchema,
  oneOf,
  origin,
  port,
  section,
  text,
  urlPath,
  whole,
} from './values.js';

export const SQLITE_DRIVERS = ['better-sqlite3', 'libsql', 'sqlite3'] as const;
export type SqliteDriverName = (typeof SQLITE_DRIVERS)[number];

export const WHEN_BUSY = ['reject', 'queue', 'interrupt'] as const;
/** What a query does on a session that has a run under way. */
export type WhenBusy = (typeof WHEN_BUSY)[number];

const driver = oneOf(SQLITE_DRIVERS).optional();
const storageSchema = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('sqlite'), path: text.optional(), driver }),
    z.object({ type: z.literal('memory'), driver }),
  ],
  { error: '{ type: "sqlite", path } or { type: "memory" }' },
);
export type StorageInput = z.input<typeof storageSchema>;

const RUNTIME_SETTINGS = 'an object with a JSON Schema: { schema: { type: "object", properties } }';
const runtimeSettingsSchema = section(
  {
    /** A JSON Schema of an object: what a client may set per session. */
    schema: objectSchema,
  },
  RUNTIME_SETTINGS,
);
export type RuntimeSettingsInput = z.input<typeof runtimeSettingsSchema>;

/** The defaults of a limit: nobody who works on the machine itself shall meet the loose one. */
export interface LimitDefaults {
  readonly loose: number;
  /** On any address beyond loopback, or behind a proxy. */
  readonly strict: number;
}
export const limitDefaults = z.registry<LimitDefaults>();
const limit = (loose: number, strict: number, setting = whole(1, 1_000_000_000, '')) =>
  setting
    .optional()
    .meta({ default: `\`${loose}\` (\`${strict}\`)` })
    .register(limitDefaults, { loose, strict });
const bytes = whole(1_024, 1_073_741_824, 'bytes');
const MAX_BODY_BYTES = 32 * 1024 * 1024;

export const limitsSchema = section(
  {
    /** Requests a minute. */
    requestsPerMinute: limit(1_000_000, 600),
    /** Queries a minute, over HTTP and socket together. */
    runsPerMinute: limit(100_000, 60),
    /**
     * Open connections of one address; behind a proxy, requests under way of one address, those with a token counted
     * by that too.
     */
    connections: limit(20_000, 100),
    /** Socket.IO clients. */
    sockets: limit(10_000, 20),
    /** Socket.IO connections at once that have not been let in as yet. */
    handshakes: limit(10_000, 20),
    /** Handshakes of Socket.IO that carry no token, where one is asked for. */
    handshakesPerMinute: limit(10_000, 60),
    /**
     * In the whole server, where a token is asked for: handshakes at once without one, and as many requests without one
     * that take time.
     */
    strangers: limit(1_000, 200),
    /** Messages a minute of all its sockets. */
    messagesPerMinute: limit(1_000_000, 600),
    /** Bytes of one socket message. */
    messageBytes: limit(MAX_BODY_BYTES, 1_000_000, bytes),
    /** A reader that takes no byte of its answer for so long is dropped. */
    stalledReaderMs: limit(60_000, 60_000, milliseconds),
  },
  'an object such as { requestsPerMinute: 600 }',
);

const AUTH = 'true, or { token } with a token of your own; leave it out for none';
const authSchema = z.union([z.literal(true), z.object({ token: text.optional() })], { error: AUTH });

export const serverSchema = section({
  /** 0 takes any free port, `'auto'` the first free one from 8888. */
  port: port.default(8888),
  /** The address to listen on; with the default also on `::1`, where the machine has it. Any other needs `auth`. */
  host: text.default('127.0.0.1'),
  /** Open the browser at start. */
  open: flag.default(false),
  /** Where the API is. */
  basePath: urlPath.default('/api'),
  /**
   * `{ type: 'sqlite' }` with `path` (in the data directory without) and `driver` (`better-sqlite3`, `libsql` or
   * `sqlite3`; the first that works without), or `{ type: 'memory' }`.
   */
  storage: storageSchema.default({ type: 'sqlite' }),
  /** What a query does on a busy session, where it does not say so itself. */
  whenBusy: oneOf(WHEN_BUSY).default('reject'),
  /** One run at a time in the whole server. */
  exclusive: flag.default(false),
  /** Runs at once in the whole server; beyond it they wait in their queue. */
  maxConcurrentRuns: whole(1, 100_000, '').default(1_000),
  /** Queries that may wait in one session. */
  maxQueued: whole(0, 10_000, '').default(20),
  /** How long runs may finish once the server was asked to stop, in milliseconds. */
  shutdownGraceMs: whole(0, 86_400_000, 'milliseconds').default(10_000),
  /** The largest request body. */
  maxBodyBytes: bytes.default(MAX_BODY_BYTES),
  /** A stored event beyond it is sent with its long texts cut; the store keeps it, `GET /sessions/events` gives it whole. */
  maxFrameBytes: whole(4_096, 1_073_741_824, 'bytes').default(1_000_000),
  /** A run without any progress for so many milliseconds is told of in its session, and goes on. */
  watchdogMs: milliseconds.default(300_000),
  /** How much one client may have: loose on loopback, strict (in brackets) on any other address or behind a proxy. */
  limits: limitsSchema.prefault({}),
  /** Believe the X-Forwarded-* headers of the one proxy before this server. */
  trustProxy: flag.default(false),
  /**
   * Ask for tokens: with `true` for those that `agent-tars token` makes, the first of them being made at the first
   * start; `{ token }` is one of your own beside them, or in ALL_CAPS the name of the environment variable that holds
   * it. Without, none is asked for, which only loopback addresses allow.
   */
  auth: authSchema.optional(),
  /** Listen beyond loopback without tokens: everybody who can reach `host` drives the agent. */
  insecureNoAuth: flag.default(false),
  /**
   * Fetch the http(s) images of a query, from public addresses only, and give the model their data. Without, the
   * model's provider is given the link, and the server opens none.
   */
  fetchImages: flag.default(false),
  /** Names that this server is reached by, beside loopback ones and `host`. */
  allowedHosts: z.array(hostName, { error: 'a list of host names' }).default([]),
  /** Origins of pages that may use this server and read its answers (CORS), beside its own; all others are refused. */
  allowedOrigins: z.array(origin, { error: 'a list of origins' }).default([]),
  /** Models that a session may choose beside `model`, each with the same keys. */
  models: z.array(modelSchema, { error: 'a list of models' }).default([]),
  runtimeSettings: runtimeSettingsSchema.default({ schema: { type: 'object', properties: {} } }),
});

export type ServerInput = Named<z.input<typeof serverSchema>, { models: ModelInput[] }>;
/** The same with its defaults. */
export type ServerSettings = Named<z.output<typeof serverSchema>, { models: ModelSettings[] }>;

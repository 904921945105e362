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
  urlPrefix,
  whole,
} from './values.js';

export const SQLITE_DRIVERS = ['better-sqlite3', 'libsql', 'sqlite3'] as const;
export type SqliteDriverName = (typeof SQLITE_DRIVERS)[number];

export const WHEN_BUSY = ['reject', 'queue', 'interrupt'] as const;
/** Handling of a query on a session with a running run. */
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
    /** JSON Schema of the object that a client may set per session. */
    schema: objectSchema,
  },
  RUNTIME_SETTINGS,
);
export type RuntimeSettingsInput = z.input<typeof runtimeSettingsSchema>;

/** The defaults of a limit. */
export interface LimitDefaults {
  /** On loopback: high enough for local work never to reach it. */
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
    /** Requests per minute. */
    requestsPerMinute: limit(1_000_000, 600),
    /** Queries per minute, over HTTP and socket together. */
    runsPerMinute: limit(100_000, 60),
    /**
     * Open connections of one address. Behind a proxy: requests in progress of one address, and those with a token also
     * per token.
     */
    connections: limit(20_000, 100),
    /** Socket.IO clients. */
    sockets: limit(10_000, 20),
    /** Socket.IO connections at once that are in no namespace yet. */
    handshakes: limit(10_000, 20),
    /** Socket.IO handshakes without a token per minute, if tokens are required. */
    handshakesPerMinute: limit(10_000, 60),
    /**
     * In the whole server, if tokens are required: handshakes at once without a token, and as many requests without a
     * token that take time.
     */
    strangers: limit(1_000, 200),
    /** Messages per minute over all sockets of a client. */
    messagesPerMinute: limit(1_000_000, 600),
    /** Maximum size of a socket message, in bytes. */
    messageBytes: limit(MAX_BODY_BYTES, 1_000_000, bytes),
    /** Timeout of a reader that takes no byte of its answer, in milliseconds; the reader is then dropped. */
    stalledReaderMs: limit(60_000, 60_000, milliseconds),
  },
  'an object such as { requestsPerMinute: 600 }',
);

const AUTH = 'true, or { token } with a token of your own; leave it out for none';
const authSchema = z.union([z.literal(true), z.object({ token: text.optional() })], { error: AUTH });

export const serverSchema = section({
  /** Port to listen on: 0 for any free one, `'auto'` for the first free one from 8888. */
  port: port.default(8888),
  /** Address to listen on; the default includes `::1`, if the machine has it. Any beyond loopback needs `auth`. */
  host: text.default('127.0.0.1'),
  /** Open the browser at start. */
  open: flag.default(false),
  /** Base path of the API, below `publicPath`. */
  basePath: urlPath.default('/api'),
  /**
   * Path below which browsers see the whole server, such as `/agents`, if a proxy puts it there: with or without
   * removing it. If unset, the `X-Forwarded-Prefix` of a trusted proxy counts.
   */
  publicPath: urlPrefix.default(''),
  /**
   * Database: `{ type: 'sqlite' }` with `path` (default: in the data directory) and `driver` (`better-sqlite3`,
   * `libsql` or `sqlite3`; default: the first that works), or `{ type: 'memory' }`.
   */
  storage: storageSchema.default({ type: 'sqlite' }),
  /**
   * Several servers of this machine work with the database: each must be started with it. An abort at any of them ends
   * the run. If false, a second server refuses to start.
   */
  shared: flag.default(false),
  /** Handling of a query on a busy session, unless the query sets its own. */
  whenBusy: oneOf(WHEN_BUSY).default('reject'),
  /** One run at a time in the whole server. */
  exclusive: flag.default(false),
  /** Maximum of concurrent runs in the whole server; further runs wait in their queues. */
  maxConcurrentRuns: whole(1, 100_000, '').default(1_000),
  /** Maximum of queued queries in one session. */
  maxQueued: whole(0, 10_000, '').default(20),
  /** Time for runs to finish after the server was asked to stop, in milliseconds. */
  shutdownGraceMs: whole(0, 86_400_000, 'milliseconds').default(10_000),
  /**
   * Time after which an idle connection is closed, in milliseconds. Longer than that of a load balancer, which would
   * otherwise send a request down a connection that is being closed.
   */
  keepAliveMs: milliseconds.default(65_000),
  /** Maximum size of a request body, in bytes. */
  maxBodyBytes: bytes.default(MAX_BODY_BYTES),
  /** Maximum size of a sent event, in bytes; long texts are cut. `GET /sessions/events` gives stored events whole. */
  maxFrameBytes: whole(4_096, 1_073_741_824, 'bytes').default(1_000_000),
  /** Time without progress, in milliseconds, after which a run is reported in its session; the run goes on. */
  watchdogMs: milliseconds.default(300_000),
  /** Limits of one client: loose on loopback, strict (in brackets) on any other address or behind a proxy. */
  limits: limitsSchema.prefault({}),
  /** Trust the X-Forwarded-* headers of the one proxy before this server. */
  trustProxy: flag.default(false),
  /**
   * Require tokens: `true` for those of `agent-tars token`, the first of which is made at the first start; `{ token }`
   * adds your own, or in ALL_CAPS the name of the environment variable that holds it. If unset, no token is required,
   * which only loopback addresses allow.
   */
  auth: authSchema.optional(),
  /** Listen beyond loopback without tokens: everybody who can reach `host` drives the agent. */
  insecureNoAuth: flag.default(false),
  /**
   * Fetch the http(s) images of a query, from public addresses only, and give the model their data. If false,
   * the model's provider gets the link, and the server opens none.
   */
  fetchImages: flag.default(false),
  /** Host names of this server, beside loopback ones and `host`. */
  allowedHosts: z.array(hostName, { error: 'a list of host names' }).default([]),
  /** Origins of pages that may use this server and read its answers (CORS), beside its own; all others are refused. */
  allowedOrigins: z.array(origin, { error: 'a list of origins' }).default([]),
  /** Models that a session may choose beside `model`, each with the same keys as `model`. */
  models: z.array(modelSchema, { error: 'a list of models' }).default([]),
  runtimeSettings: runtimeSettingsSchema.default({ schema: { type: 'object', properties: {} } }),
});

export type ServerInput = Named<z.input<typeof serverSchema>, { models: ModelInput[] }>;
/** A {@link ServerInput} with its defaults. */
export type ServerSettings = Named<z.output<typeof serverSchema>, { models: ModelSettings[] }>;

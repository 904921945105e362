import type { LimitRules } from '../http/limits.js';
import type { FileRules } from '../files/path-jail.js';
import type { Secret } from '../common/secret.js';

export const MODEL_PROVIDERS = [
  'openai',
  'openai-compatible',
  'anthropic',
  'google',
  'ollama',
  'embedded',
] as const;
export type ModelProviderName = (typeof MODEL_PROVIDERS)[number];

export const SQLITE_DRIVERS = ['better-sqlite3', 'libsql', 'sqlite3'] as const;
export type SqliteDriverName = (typeof SQLITE_DRIVERS)[number];

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const WHEN_BUSY = ['reject', 'queue', 'interrupt'] as const;
/** What a query does on a session that has a run under way. */
export type WhenBusy = (typeof WHEN_BUSY)[number];

/** A model as a person configures it. */
export interface ModelInput {
  provider?: ModelProviderName;
  /** The provider's own name of the model, such as `gpt-5-mini`. */
  id?: string;
  /**
   * The key itself, or in ALL_CAPS the name of the environment variable that holds it; in a file that was found in the
   * working directory, one that ends in `_API_KEY`.
   */
  apiKey?: string;
  baseURL?: string;
  displayName?: string;
  /** How long the first token may take. Default 120,000 ms. */
  firstTokenTimeoutMs?: number;
  /** How long a started answer may be silent. Default 60,000 ms. */
  idleTimeoutMs?: number;
  /** An answer that grows beyond it is ended as a failure: a model that repeats itself for ever. Default 4,000,000 characters. */
  maxAnswerChars?: number;
}

export type StorageInput =
  | { type: 'sqlite'; path?: string; driver?: SqliteDriverName }
  | { type: 'memory'; driver?: SqliteDriverName };

export interface RuntimeSettingsInput {
  /** A JSON Schema of an object: what a client may set per session. */
  schema: Record<string, unknown>;
}

/** What `agent-tars.config.ts` and `new AgentTARSServer(config)` take. Everything has a default. */
export interface ConfigInput {
  server?: {
    /** Default 8888; 0 takes any free port, `'auto'` the first free one from 8888. */
    port?: number | 'auto';
    /** Default 127.0.0.1, and ::1 where the machine has it. Any other address needs `auth`. */
    host?: string;
    /** Open the browser at start. Default false. */
    open?: boolean;
    /** Default `/api`. */
    basePath?: string;
    /** Default: SQLite in the data directory. */
    storage?: StorageInput;
    /** The rule for a query on a busy session that names none. Default `reject`. */
    whenBusy?: WhenBusy;
    /** One run at a time in the whole server. Default false. */
    exclusive?: boolean;
    /** Runs at once in the whole server; beyond it they wait in their queue. Default 1,000. */
    maxConcurrentRuns?: number;
    /** Queries that may wait in one session. Default 20. */
    maxQueued?: number;
    /** How long runs may finish once the server was asked to stop. Default 10,000 ms. */
    shutdownGraceMs?: number;
    /** The largest request body. Default 33,554,432 bytes (32 MB). */
    maxBodyBytes?: number;
    /** Beyond it a stored event is sent with its long texts cut; the store keeps it whole. Default 1,000,000 bytes. */
    maxFrameBytes?: number;
    /** A run without any progress for so long is told of in its session, and goes on. Default 300,000 ms. */
    watchdogMs?: number;
    /**
     * How much one client may have. On loopback nobody meets the defaults; on any other address, or behind a
     * proxy, they are strict (in brackets).
     */
    limits?: {
      /** Default 1,000,000 (600). */
      requestsPerMinute?: number;
      /** Queries, over HTTP and socket together. Default 100,000 (60). */
      runsPerMinute?: number;
      /**
       * Open connections of one address; behind a proxy, requests under way of one address, those with a token
       * counted by that too. Default 20,000 (100).
       */
      connections?: number;
      /** Socket.IO clients. Default 10,000 (20). */
      sockets?: number;
      /** Socket.IO connections at once that have not been let in as yet. Default 10,000 (20). */
      handshakes?: number;
      /** Handshakes of Socket.IO that carry no token, where one is asked for. Default 10,000 (60). */
      handshakesPerMinute?: number;
      /**
       * In the whole server, where a token is asked for: handshakes at once without one, and as many requests without
       * one that take time. Default 1,000 (200).
       */
      strangers?: number;
      /** Messages of all its sockets. Default 1,000,000 (600). */
      messagesPerMinute?: number;
      /** Bytes of one socket message. Default `maxBodyBytes` (1,000,000). */
      messageBytes?: number;
      /** A reader that takes no byte of its answer for so long is dropped. Default 60,000 ms (60,000 ms). */
      stalledReaderMs?: number;
    };
    /** Believe the X-Forwarded-* headers of the one proxy before this server. Default false. */
    trustProxy?: boolean;
    /**
     * Ask for tokens: with `true` for those that `agent-tars token` makes, the first of them being made at the
     * first start; `token` is one of your own beside them. It may be in ALL_CAPS the name of the environment
     * variable that holds it. Default: none asked for, which only loopback addresses allow.
     */
    auth?: true | { token?: string };
    /** Listen beyond loopback without tokens: everybody who can reach `host` drives the agent. Default false. */
    insecureNoAuth?: boolean;
    /**
     * Fetch the http(s) images of a query, from public addresses only, and give the model their data. Default false:
     * the model's provider is given the link, and the server opens none.
     */
    fetchImages?: boolean;
    /** Names that this server is reached by, beside loopback ones and `host`. */
    allowedHosts?: string[];
    /** Origins (scheme, host and port) of pages that may use this server, beside its own. */
    allowedOrigins?: string[];
    /** Models that a session may choose beside the default one. */
    models?: ModelInput[];
    runtimeSettings?: RuntimeSettingsInput;
  };
  /** The directory that the agent works in. Default: the working directory. */
  workspace?: string;
  files?: {
    /**
     * Hidden files of the workspace (dot files, key files) that the agent and clients may use all the same: names, or
     * paths relative to the workspace, as they stand. What runs later (this server's configuration, `.git`, `.husky`,
     * `.vscode`, `.envrc`) can be made readable so, but never writable. Default: none.
     */
    visible?: string[];
  };
  /** Where the database is. Default `~/.agent-tars`. */
  dataDir?: string;
  model?: ModelInput;
  share?: {
    /** A page is POSTed to this URL when it is shared with `upload: true`. */
    provider?: string;
  };
  /** Tools beside the built-in ones. */
  tools?: readonly unknown[];
  /** Told to the model before every conversation, after the built-in instructions. */
  instructions?: string;
  agent?: {
    name?: string;
    /** Model steps that one run may take. Default 50. */
    maxIterations?: number;
    /** How long one tool call may take. Default 600,000 ms. */
    toolTimeoutMs?: number;
  };
  webui?: {
    /** Serve the page at `/`. Default true. */
    enabled?: boolean;
    /** A directory with another web UI: its index.html is served instead. */
    staticPath?: string;
  };
  logLevel?: LogLevel;
}

export interface ModelConfig {
  readonly provider: ModelProviderName;
  readonly id: string;
  readonly displayName: string;
  readonly apiKey?: Secret;
  readonly baseURL?: string;
  readonly firstTokenTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxAnswerChars: number;
}

export type StorageConfig =
  | { readonly type: 'sqlite'; readonly path: string; readonly driver?: SqliteDriverName }
  | { readonly type: 'memory'; readonly driver?: SqliteDriverName };

/** The one configuration that everything below gets: complete, checked and frozen. */
export class AppConfig {
  readonly server: {
    readonly port: number | 'auto';
    readonly host: string;
    readonly open: boolean;
    readonly basePath: string;
    readonly storage: StorageConfig;
    readonly whenBusy: WhenBusy;
    readonly exclusive: boolean;
    readonly maxConcurrentRuns: number;
    readonly maxQueued: number;
    readonly shutdownGraceMs: number;
    readonly maxBodyBytes: number;
    readonly maxFrameBytes: number;
    readonly watchdogMs: number;
    readonly limits: LimitRules;
    readonly trustProxy: boolean;
    /** Tokens are asked for; `token` has every scope. */
    readonly auth?: { readonly token?: Secret };
    readonly insecureNoAuth: boolean;
    /** Whether the server itself opens the links of images. */
    readonly fetchImages: boolean;
    readonly allowedHosts: readonly string[];
    readonly allowedOrigins: readonly string[];
    readonly runtimeSettings: { readonly schema: Readonly<Record<string, unknown>> };
  };
  readonly workspace: string;
  /** What of a workspace may be used, beside the server's own files and what it runs. */
  readonly files: FileRules;
  readonly dataDir: string;
  /** The default model, first, and those that a session may choose. */
  readonly models: readonly [ModelConfig, ...ModelConfig[]];
  readonly share: { readonly provider?: string };
  readonly tools: readonly unknown[];
  readonly instructions?: string;
  readonly agent: {
    readonly name: string;
    readonly maxIterations: number;
    readonly toolTimeoutMs: number;
  };
  readonly webui: { readonly enabled: boolean; readonly staticPath?: string };
  readonly logLevel: LogLevel;
  /** Every secret of this configuration, to mask what others echo. */
  readonly secrets: readonly Secret[];

  constructor(values: AppConfig) {
    Object.assign(this, values);
  }
}

import { z } from 'zod';
import { type ModelInput, modelSchema, type ModelSettings } from './model.schema.js';
import { type ServerInput, serverSchema, type ServerSettings } from './server.schema.js';
import {
  flag,
  httpUrl,
  milliseconds,
  type Named,
  oneOf,
  section,
  text,
  visiblePath,
  whole,
} from './values.js';

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Every setting, once: its type, its check with the message, its default, and in its docstring what it is for. The
 * table of README.md is printed from it: `npm run config-table`. A default that is no fixed value is described by
 * `meta({ default })`.
 */
export const configSchema = section({
  server: serverSchema.prefault({}),
  /** The model that sessions use. Without, the first of Anthropic, OpenAI and Google that the environment has a key of. */
  model: modelSchema.prefault({}).meta({ default: 'the built-in demo' }),
  /** The directory that the agent works in. */
  workspace: text.default('.').meta({ default: 'the working directory' }),
  files: section(
    {
      /**
       * Hidden files of the workspace (dot files, key files) that the agent and clients may use all the same: names, or
       * paths relative to the workspace, as they stand. What runs later (this server's configuration, `.git`, `.husky`,
       * `.vscode`, `.envrc`) can be made readable so, but never writable.
       */
      visible: z.array(visiblePath, { error: 'a list of names and paths' }).default([]),
    },
    'an object such as { visible: [".env.example"] }',
  ).prefault({}),
  /** Where the database and the tokens are. */
  dataDir: text.default('~/.agent-tars'),
  /** Told to the model before every conversation, after the built-in instructions. */
  instructions: text.optional(),
  /** Tools beside the built-in ones: objects that `defineTool` makes. */
  tools: z.custom<readonly unknown[]>(Array.isArray, { error: 'a list of tools' }).default([]),
  agent: section({
    /** What the agent is called. */
    name: text.default('Agent TARS'),
    /** Model steps that one run may take. */
    maxIterations: whole(1, 10_000, '').default(50),
    /** How long one tool call may take, in milliseconds. */
    toolTimeoutMs: milliseconds.default(600_000),
  }).prefault({}),
  share: section({
    /** A page is POSTed to this URL when it is shared with `upload: true`. */
    provider: httpUrl.optional(),
  }).prefault({}),
  webui: section({
    /** Serve the page at `/`. */
    enabled: flag.default(true),
    /** A directory with another web UI: its index.html is served instead. */
    staticPath: text.optional(),
  }).prefault({}),
  /** What is written to the log. */
  logLevel: oneOf(LOG_LEVELS).default('warn'),
});

/** What `agent-tars.config.ts` and `new AgentTARSServer(config)` take. Everything has a default. */
export type ConfigInput = Named<z.input<typeof configSchema>, { server: ServerInput; model: ModelInput }>;
/** The same, checked and with its defaults; paths, models and secrets as they were given. */
export type Settings = Named<z.output<typeof configSchema>, { server: ServerSettings; model: ModelSettings }>;

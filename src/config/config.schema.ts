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
 * Every setting, once: type, check with its message, default, and purpose in the docstring. The table of README.md is
 * printed from this schema: `npm run config-table`. `meta({ default })` describes a default that is no fixed value.
 */
export const configSchema = section({
  server: serverSchema.prefault({}),
  /** Default model; if unset, the first of Anthropic, OpenAI and Google that the environment has a key of. */
  model: modelSchema.prefault({}).meta({ default: 'the built-in demo' }),
  /** The directory that the agent works in. */
  workspace: text.default('.').meta({ default: 'the working directory' }),
  files: section(
    {
      /**
       * Hidden files of the workspace (dot files, key files) that the agent and clients may use: names, or paths within
       * the workspace, without wildcards. Files that run later (this server's configuration, `.git`, `.husky`,
       * `.vscode`, `.envrc`) can be made readable, but never writable.
       */
      visible: z.array(visiblePath, { error: 'a list of names and paths' }).default([]),
    },
    'an object such as { visible: [".env.example"] }',
  ).prefault({}),
  /** Directory of the database and the tokens. */
  dataDir: text.default('~/.agent-tars'),
  /** Instructions for the model before every conversation, after the built-in ones. */
  instructions: text.optional(),
  /** Tools beside the built-in ones: objects that `defineTool` makes. */
  tools: z.custom<readonly unknown[]>(Array.isArray, { error: 'a list of tools' }).default([]),
  agent: section({
    /** Name of the agent. */
    name: text.default('Agent TARS'),
    /** Maximum of model steps in one run. */
    maxIterations: whole(1, 10_000, '').default(50),
    /** Timeout of one tool call, in milliseconds. */
    toolTimeoutMs: milliseconds.default(600_000),
  }).prefault({}),
  share: section({
    /** URL that a page is POSTed to when it is shared with `upload: true`. */
    provider: httpUrl.optional(),
  }).prefault({}),
  webui: section({
    /** Serve the page at `/`. */
    enabled: flag.default(true),
    /** Directory of another web UI, whose index.html is served instead. */
    staticPath: text.optional(),
  }).prefault({}),
  /** Log level. */
  logLevel: oneOf(LOG_LEVELS).default('warn'),
});

/** The configuration of `agent-tars.config.ts` and `new AgentTARSServer(config)`. Every setting has a default. */
export type ConfigInput = Named<z.input<typeof configSchema>, { server: ServerInput; model: ModelInput }>;
/** A {@link ConfigInput}, checked and with its defaults; paths, models and secrets are not resolved yet. */
export type Settings = Named<z.output<typeof configSchema>, { server: ServerSettings; model: ModelSettings }>;

import type { ConfigInput } from '../config/index.js';
import { toNumber } from '../config/index.js';

/** The flags of `agent-tars serve`, as commander gives them. A flag that was not given is undefined. */
export interface ServeFlags {
  port?: string;
  host?: string;
  open?: boolean;
  auth?: boolean;
  insecureNoAuth?: boolean;
  headless?: boolean;
  /** Files and URLs given with `--config`; false for `--no-config`. */
  config?: string[] | false;
  dataDir?: string;
  workspace?: string;
  'model.provider'?: string;
  'model.id'?: string;
  'model.apiKey'?: string;
  'model.baseURL'?: string;
  'share.provider'?: string;
  'server.exclusive'?: boolean;
  logLevel?: string;
  debug?: boolean;
  quiet?: boolean;
}

/** Settings from the flags; the schema checks them like every other source. */
export function configFromFlags(flags: ServeFlags): ConfigInput {
  return {
    server: {
      port: toNumber(flags.port),
      host: flags.host,
      open: flags.open,
      auth: flags.auth ? true : undefined,
      insecureNoAuth: flags.insecureNoAuth,
      exclusive: flags['server.exclusive'],
    },
    dataDir: flags.dataDir,
    workspace: flags.workspace,
    model: {
      provider: flags['model.provider'] as never,
      id: flags['model.id'],
      apiKey: flags['model.apiKey'],
      baseURL: flags['model.baseURL'],
    },
    share: { provider: flags['share.provider'] },
    webui: { enabled: flags.headless ? false : undefined },
    logLevel: (flags.debug ? 'debug' : flags.logLevel) as never,
  };
}

/** `--quiet` lowers the configured level of the log, unless the level is a flag, too. */
export function quieted(config: ConfigInput, { quiet, debug, logLevel }: ServeFlags): ConfigInput {
  const isLoud = config.logLevel === 'info' || config.logLevel === 'debug';
  return quiet && isLoud && !debug && logLevel === undefined ? { ...config, logLevel: 'warn' } : config;
}

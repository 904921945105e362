import type { AppConfig, ConfigInput } from '../config/index.js';
import {
  configFromEnv,
  InvalidConfig,
  loadConfigFiles,
  mergeConfig,
  resolveConfig,
} from '../config/index.js';
import { keepHeapSmall, letCodeBeFast } from './heap.js';
import { configFromFlags, type ServeFlags } from './options.js';

/** What the person who starts the server can mend: told in one line each, without a stack. */
const EXPECTED = new Set(['InvalidConfig', 'CannotListen', 'DatabaseNotOpened', 'NoSqliteDriver']);

/** Starts the server and keeps it until a signal ends it. */
export async function serve(flags: ServeFlags): Promise<void> {
  keepHeapSmall();
  try {
    const config = await readConfig(flags);
    // Nest takes most of a second to load: only once the configuration is known to be good.
    const { AgentTARSServer } = await import('../server.js');
    const server = new AgentTARSServer(config);
    await server.start();
    letCodeBeFast();
    stopOnSignals(() => server.stop());
    if (!flags.quiet) console.log(await greeting(server.url, config));
    warnIfOpen(config);
    if (config.server.open) await openBrowser(server.url);
  } catch (error) {
    console.error(explain(error));
    process.exitCode = 1;
  }
}

async function readConfig(flags: ServeFlags): Promise<AppConfig> {
  const cwd = process.cwd();
  const sources: ConfigInput[] = [
    await loadConfigFiles(cwd, flags.config ?? []),
    configFromEnv(process.env),
    configFromFlags(flags),
  ];
  return resolveConfig(sources.reduce(mergeConfig), { cwd, env: process.env });
}

async function greeting(url: string, config: AppConfig): Promise<string> {
  const { buildInfo } = await import('../system/build-info.js');
  const [{ displayName, provider }] = config.models;
  const { storage } = config.server;
  return [
    `Agent TARS Server ${(await buildInfo()).version}`,
    `  URL        ${url}`,
    `  Model      ${displayName} (${provider})`,
    `  Workspace  ${config.workspace}`,
    `  Data       ${storage.type === 'memory' ? 'in memory, gone at the end' : config.dataDir}`,
  ].join('\n');
}

/** Whoever reaches the server drives its agent. */
function warnIfOpen({ server: { host } }: AppConfig): void {
  if (['127.0.0.1', '::1', 'localhost'].includes(host)) return;
  console.error(
    `Warning: everybody who can reach ${host} can use this server and the files of its workspace.`,
  );
}

/** The first signal lets runs end and streams close; the second does not wait. */
function stopOnSignals(stop: () => Promise<void>): void {
  let stopping = false;
  const onSignal = () => {
    if (stopping) process.exit(1);
    stopping = true;
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(explain(error));
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

async function openBrowser(url: string): Promise<void> {
  const { default: open } = await import('open');
  await open(url).catch(() => console.error(`The browser could not be opened: go to ${url}`));
}

function explain(error: unknown): string {
  if (error instanceof InvalidConfig) return error.message;
  if (!(error instanceof Error)) return String(error);
  return EXPECTED.has(error.name) ? error.message : (error.stack ?? error.message);
}

import { existsSync } from 'node:fs';
import { printable } from './printable.js';
import type { AppConfig, ConfigInput } from '../config/index.js';
import {
  configFromEnv,
  isLoopback,
  loadConfigFiles,
  mergeConfig,
  modelHost,
  requireKeyVariables,
  resolveConfig,
  shownSource,
} from '../config/index.js';
import type { AgentTARSServer } from '../server.js';
import { chooseTrustedConfig } from './choose-config.js';
import { runCommand } from './explain.js';
import { tuneForStartup, tuneForThroughput } from './heap.js';
import { openBrowser, removeOldPages } from './open-browser.js';
import { configFromFlags, quieted, type ServeFlags } from './options.js';
import { stopOnSignals } from './stop-on-signals.js';

/** Starts the server, which runs until a signal. */
export async function serve(flags: ServeFlags): Promise<void> {
  tuneForStartup();
  await runCommand(async () => {
    const { config, files } = await readConfig(flags);
    // Nest takes most of a second to load: not before the configuration is valid.
    const { AgentTARSServer } = await import('../server.js');
    const { surviveRejections } = await import('./survive-rejections.js');
    const server = new AgentTARSServer(config);
    surviveRejections(config);
    await server.start();
    tuneForThroughput();
    stopOnSignals(server);
    if (!flags.quiet) console.log(await greeting(server, config, files));
    warnIfOpen(config);
    await removeOldPages(config.dataDir);
    if (config.server.open) await openBrowser(server, config);
  });
}

/** The whole configuration of a start. */
interface StartConfig {
  readonly config: AppConfig;
  /** The configuration's source files. */
  readonly files: readonly string[];
}

async function readConfig(flags: ServeFlags): Promise<StartConfig> {
  const cwd = process.cwd();
  const { files, isFound } = await chooseTrustedConfig(cwd, flags, process.env);
  const { config: fromFiles, ...loaded } = await loadConfigFiles(cwd, files);
  if (isFound) requireKeyVariables(fromFiles, files.join());
  const sources: ConfigInput[] = [fromFiles, configFromEnv(process.env), configFromFlags(flags)];
  const configFiles = [...loaded.files, ...loaded.shadows];
  const merged = sources.reduce(mergeConfig);
  const config = resolveConfig(quieted(merged, flags), {
    cwd,
    env: process.env,
    configFiles,
  });
  return { config, files };
}

/** Start-up message, printable: it contains text of configuration files, which must not control the terminal. */
async function greeting(
  server: AgentTARSServer,
  config: AppConfig,
  files: readonly string[],
): Promise<string> {
  const { buildInfo } = await import('../config/build-info.js');
  const [{ displayName, provider }] = config.models;
  const { storage } = config.server;
  return [
    `Agent TARS Server ${(await buildInfo()).version}`,
    `  URL        ${server.url}`,
    ...(await loginHint(server, config)),
    ...files.map((file) => `  Config     ${shownSource(file)}`),
    `  Model      ${displayName} (${provider})`,
    ...hostsOf(config),
    `  Workspace  ${config.workspace}`,
    `  Data       ${storage.type === 'memory' ? 'in memory, gone at the end' : config.dataDir}`,
  ]
    .map(printable)
    .join('\n');
}

/** Hosts that conversations are sent to: those of the default model and of the others that a session may choose. */
function hostsOf({ models }: AppConfig): string[] {
  const hosts = models.map((model) => modelHost(model, process.env)).filter((host) => host !== undefined);
  return hosts.length > 0 ? [`  Sent to    ${[...new Set(hosts)].join(', ')}`] : [];
}

/** The one-time login link for a browser, and the path of the owner's token. */
async function loginHint(server: AgentTARSServer, { dataDir }: AppConfig): Promise<string[]> {
  const link = server.createLoginLink();
  if (link === undefined) return [];
  const { CODE_MINUTES, ownerFile } = await import('../auth/index.js');
  const file = ownerFile(dataDir);
  return [
    `  Log in     ${link} (once, within ${CODE_MINUTES} minutes)`,
    ...(existsSync(file) ? [`  Token      in ${file}`] : []),
  ];
}

/** Warns if anybody who reaches the server can drive its agent. */
function warnIfOpen({ server: { host, auth } }: AppConfig): void {
  if (auth || isLoopback(host)) return;
  console.error(
    `Warning: no token is asked for. Everybody who can reach ${printable(host)} can use this server and the files of its workspace.`,
  );
}

import { CompactDatabase } from '../database/index.js';
import {
  configFromEnv,
  isScript,
  loadConfigFiles,
  mergeConfig,
  resolveConfig,
  type StorageConfig,
} from '../config/index.js';
import { chooseConfig, type ConfigFlags } from './choose-config.js';
import { runCommand } from './explain.js';
import { printable } from './printable.js';

/** The flags of `agent-tars db compact`. */
export interface DbFlags extends ConfigFlags {
  config?: string[] | false;
}

/** `agent-tars db compact`: rewrites the database without free pages and remains of deleted rows. */
export function compact(flags: DbFlags): Promise<void> {
  return runCommand(async () => {
    const storage = await storageOf(flags);
    if (storage.type === 'memory') {
      console.log('server.storage is memory: there is no file.');
      return;
    }
    const { before, after } = await CompactDatabase.run(storage);
    console.log(
      `Compacted ${printable(storage.path)}: ${megabytes(before)} before, ${megabytes(after)} now.`,
    );
  });
}

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;

/** The database that `serve` would use. Configuration scripts are not executed. @throws InvalidConfig */
async function storageOf(flags: DbFlags): Promise<StorageConfig> {
  const cwd = process.cwd();
  const { files } = await chooseConfig(cwd, flags);
  const scripts = files.filter(isScript);
  const loaded = await loadConfigFiles(
    cwd,
    files.filter((file) => !isScript(file)),
  );
  const given = [loaded.config, configFromEnv(process.env), { dataDir: flags.dataDir }].reduce(mergeConfig);
  const { dataDir, server } = given;
  const config = resolveConfig({ dataDir, server: { storage: server?.storage } }, { cwd, env: {} });
  if (scripts.length > 0) tellOfScripts(scripts, config.server.storage);
  return config.server.storage;
}

function tellOfScripts(files: readonly string[], storage: StorageConfig): void {
  const where = storage.type === 'memory' ? 'in memory' : storage.path;
  console.error(
    `${files.map(printable).join(', ')} was not evaluated, as it is a script. The database is taken to be ${printable(where)}: name --data-dir if it is another.`,
  );
}

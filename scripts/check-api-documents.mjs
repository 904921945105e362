// Checks the API's documents with the tools that their readers use: linters, and generators of clients, whose output has
// to compile. The tools are no dependencies of the project, for they are larger than it: they are installed into a
// cache beside the other temporary files, from a lockfile of their own.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AgentTARSServer } from '../dist/index.js';

const TOOLS = fileURLToPath(new URL('api-tools', import.meta.url));
const DOCUMENTS = ['openapi', 'asyncapi'];

const installed = install();
const work = mkdtempSync(join(installed, 'check-')); // beside node_modules, which the generated clients import from
try {
  await writeDocuments();
  for (const file of ['client.ts', 'tsconfig.json', 'spectral.yaml'])
    cpSync(join(TOOLS, file), join(work, file));
  run('redocly', ['lint', 'openapi.json', '--extends', 'recommended', '--max-problems', '20']);
  run('spectral', ['lint', '-r', 'spectral.yaml', '-F', 'warn', ...DOCUMENTS.map((name) => `${name}.json`)]);
  parseSockets();
  run('openapi-typescript', ['openapi.json', '-o', 'openapi-typescript.ts']);
  run('openapi-ts', ['-i', 'openapi.json', '-o', 'hey-api', '--no-log-file']);
  run('orval', [
    '--input',
    './openapi.json',
    '--output',
    './orval.ts',
    '--client',
    'fetch',
    '--mode',
    'single',
  ]);
  run('tsc', ['-p', '.']);
  console.log('The documents are clean, and the generated clients compile.');
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** @returns the directory with the tools; made at the first run, and again when their lockfile changes */
function install() {
  const lock = readFileSync(join(TOOLS, 'package-lock.json'));
  const version = createHash('sha256').update(lock).digest('hex').slice(0, 16);
  const directory = join(tmpdir(), `agent-tars-api-tools-${version}`);
  if (existsSync(directory)) return directory;
  const made = `${directory}.${process.pid}`; // an install that broke off must not be taken for a whole one
  mkdirSync(made, { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(TOOLS, file), join(made, file));
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--legacy-peer-deps'];
  execFileSync('npm', ['ci', ...options], { cwd: made, stdio: 'inherit' });
  if (existsSync(directory)) rmSync(made, { recursive: true });
  else renameSync(made, directory);
  return directory;
}

function run(tool, args) {
  console.log(`--- ${tool}`);
  const bin = join(installed, 'node_modules', '.bin', tool);
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  execFileSync(bin, args, { cwd: work, env, stdio: 'inherit' });
}

async function writeDocuments() {
  const server = new AgentTARSServer({
    dataDir: join(work, 'data'),
    logLevel: 'error',
    server: { port: 0, storage: { type: 'memory' } },
  });
  await server.start();
  try {
    for (const name of DOCUMENTS) {
      const response = await fetch(`${server.url}/api/docs/${name}.json`);
      writeFileSync(join(work, `${name}.json`), JSON.stringify(await response.json(), undefined, 2));
    }
  } finally {
    await server.stop();
  }
}

function parseSockets() {
  console.log('--- @asyncapi/parser');
  writeFileSync(
    join(work, 'parse.mjs'),
    `
    import { readFileSync } from 'node:fs';
    import { Parser } from '@asyncapi/parser';
    const { document, diagnostics } = await new Parser().parse(readFileSync('asyncapi.json', 'utf8'));
    for (const { severity, message, path } of diagnostics) if (severity < 2) console.log(path.join('.'), message);
    process.exitCode = document && diagnostics.every(({ severity }) => severity > 0) ? 0 : 1;
  `,
  );
  execFileSync(process.execPath, ['parse.mjs'], { cwd: work, stdio: 'inherit' });
}

// Packs the package and installs the tarball elsewhere: with each package manager, and at each end of the range of Nest.
// There it has to serve, by the command and embedded, and its types, README and guide have to be true.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Consumer } from './pack-test/consumer.mjs';

const project = fileURLToPath(new URL('..', import.meta.url));
const read = (file) => readFileSync(join(project, file), 'utf8');
const { peerDependencies, optionalDependencies, devDependencies } = JSON.parse(read('package.json'));
const development = (...names) => names.map((name) => `${name}@${devDependencies[name]}`);

/** The packages of Nest at the oldest version of a major one. */
const oldest = (major) =>
  Object.entries(peerDependencies).map(([name, range]) => {
    const lowest = range.split(' || ').find((each) => each.startsWith(`^${major}.`));
    return `${name}@${lowest.slice(1)}`;
  });

/** The code of a document that names its file. */
const guide = new Map(
  [...read('docs/guides/embedding.md').matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms)].map(([, file, code]) => [
    file,
    code,
  ]),
);
const [, readmeExample] = /^## Embedding\n+```ts\n(.*?)^```$/ms.exec(read('README.md'));

const directory = mkdtempSync(join(tmpdir(), 'agent-tars-pack-'));

function pack() {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory];
  const [{ filename }] = JSON.parse(execFileSync('npm', args, { cwd: project, encoding: 'utf8' }));
  return join(directory, filename);
}

function give(consumer, ...files) {
  for (const file of files) {
    if (guide.has(file)) consumer.write(file, guide.get(file));
    else copyFileSync(join(project, 'scripts/pack-test', file), join(consumer.directory, file));
  }
}

function checkTypes(consumer) {
  consumer.write('readme.ts', readmeExample);
  const modules = [
    ['node16', 'node16'],
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ];
  for (const [module, resolution] of modules) {
    for (const skip of ['true', 'false']) {
      const args = ['--noEmit', '--strict', '--target', 'es2022', '--ignoreConfig', '--types', 'node'];
      const how = ['--module', module, '--moduleResolution', resolution, '--skipLibCheck', skip];
      consumer.run(`types, ${how.join(' ')}`, 'tsc', [...args, ...how, 'readme.ts']);
    }
  }
}

async function newestNest(tarball) {
  const consumer = new Consumer('npm', directory, { type: 'module' });
  consumer.install('npm', [tarball, 'zod3@npm:zod@3', ...development('typescript', '@types/node')]);
  give(consumer, 'embed.mjs', 'host.mjs', 'zod3.mjs', 'attach.mjs');
  await consumer.serve();
  for (const file of ['embed.mjs', 'host.mjs', 'attach.mjs'])
    await consumer.ask(file, process.execPath, [file]);
  consumer.script('zod3.mjs');
  checkTypes(consumer);
}

async function oldestNest11(tarball) {
  const consumer = new Consumer('npm, oldest Nest 11', directory, { type: 'module' });
  const packages = [tarball, ...oldest(11), ...development('typescript', '@types/node')];
  consumer.install('npm', packages, { engines: true });
  give(consumer, 'host.mjs');
  await consumer.serve();
  await consumer.ask('host.mjs', process.execPath, ['host.mjs']);
  checkTypes(consumer);
}

async function oldestNest12WithCommonJs(tarball) {
  const consumer = new Consumer('npm, oldest Nest 12, CommonJS', directory);
  const tools = [...development('typescript', '@types/node', 'jest'), 'ts-jest@29'];
  consumer.install('npm', [tarball, ...oldest(12), ...tools]);
  give(consumer, 'host.mjs', 'start.ts', 'start.test.ts', 'tsconfig.json', 'jest.config.js');
  await consumer.ask('host.mjs', process.execPath, ['host.mjs']);
  consumer.run('module: node16', 'tsc', ['--noEmit', '-p', '.']);
  consumer.run('Jest', 'jest', [], { NODE_OPTIONS: '--experimental-vm-modules' });
}

async function yarn(tarball) {
  const consumer = new Consumer('Yarn 1', directory);
  const nest = Object.keys(peerDependencies).map((name) => `${name}@11`);
  consumer.install('yarn', [`file:${tarball}`, ...nest], { engines: true });
  await consumer.serve();
  consumer.failWithout(Object.keys(optionalDependencies), 'Install one: npm install libsql');
  consumer.failWithout(Object.keys(peerDependencies), `yarn add ${nest.join(' ')}`);
}

async function pnpm(tarball) {
  const consumer = new Consumer('pnpm', directory);
  consumer.install('pnpm', [tarball], { engines: true });
  await consumer.serve();
}

const CHECKS = { yarn, pnpm, oldestNest12WithCommonJs, oldestNest11, newestNest };
const wanted = process.argv.slice(2); // names of some of them; default: all
try {
  const tarball = pack();
  for (const [name, check] of Object.entries(CHECKS)) {
    if (wanted.length === 0 || wanted.includes(name)) await check(tarball);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

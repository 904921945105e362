// A directory that the packed package is installed in, by one package manager, and run.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

// npm is the one that is installed; the others are fetched at a fixed version. No script of a package runs.
const MANAGERS = {
  npm: ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund'],
  pnpm: ['npx', '--yes', 'pnpm@9.15.9', 'add', '--ignore-scripts'],
  yarn: ['npx', '--yes', 'yarn@1.22.22', 'add', '--ignore-scripts', '--non-interactive', '--no-progress'],
};
const ENGINE_ERROR = /EBADENGINE|UNSUPPORTED_ENGINE|is incompatible with this module/;

const SERVE = ['serve', '--port', '0', '--data-dir', 'data', '--no-config'];

/** No key of this machine may choose the model. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/API_KEY|^AGENT_TARS_|^NODE_OPTIONS$/.test(name)),
);

export class Consumer {
  /** @param manifest of its package.json */
  constructor(name, root, manifest = {}) {
    this.name = name;
    this.directory = join(root, name.replace(/\W+/g, '-'));
    mkdirSync(this.directory);
    this.write('package.json', JSON.stringify({ private: true, ...manifest }));
  }

  write(file, text) {
    writeFileSync(join(this.directory, file), text);
  }

  /** Installs packages; with `engines`, none may ask for another Node. */
  install(manager, packages, { engines = false } = {}) {
    const [command, ...args] = [...MANAGERS[manager], ...packages];
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: this.directory, encoding: 'utf8' });
    if (status !== 0 || (engines && ENGINE_ERROR.test(stdout + stderr))) {
      throw new Error(`${this.name} could not be installed: ${stdout}${stderr}`);
    }
    console.log(`${this.name}: installed`);
  }

  /** Runs a program of the installation to its end. */
  run(what, command, args, more = {}) {
    const [cwd, stdio] = [this.directory, 'inherit'];
    execFileSync(join('node_modules/.bin', command), args, { cwd, stdio, env: { ...env, ...more } });
    console.log(`${this.name}, ${what}: as expected`);
  }

  /** Runs a script to its end. */
  script(file) {
    execFileSync(process.execPath, [file], { cwd: this.directory, stdio: 'inherit', env });
    console.log(`${this.name}, ${file}: as expected`);
  }

  /** Removes packages, without which the command has to fail, and to say something. */
  failWithout(packages, words) {
    for (const name of packages) rmSync(join(this.directory, 'node_modules', name), { recursive: true });
    const options = { cwd: this.directory, env, encoding: 'utf8' };
    const { status, stderr } = spawnSync('node_modules/.bin/agent-tars', SERVE, options);
    if (status !== 1 || !stderr.includes(words)) throw new Error(`${this.name}: ${status} ${stderr}`);
    console.log(`${this.name}, without ${packages.join(', ')}: ${stderr.trim()}`);
  }

  async serve() {
    await this.ask('the command', join(this.directory, 'node_modules/.bin/agent-tars'), SERVE);
  }

  /** Starts a program, waits for the line that names its URL, asks it something and ends it. */
  async ask(what, command, args) {
    const child = spawn(command, args, { cwd: this.directory, env, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const url = await urlIn(child.stdout);
      if (!url) throw new Error(`${this.name}, ${what}: it ended without naming its URL`);
      console.log(`${this.name}, ${what}: ${await answerOf(url)}`);
    } finally {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
  }
}

async function urlIn(stdout) {
  for await (const line of createInterface(stdout)) {
    const url = /(http:\/\/\S+)/.exec(line)?.[1];
    if (url) return url;
  }
}

async function answerOf(url) {
  const asset = await fetch(`${url}/api/docs/swagger-ui.css`); // of a package that Nest's brings along
  if (!asset.ok) throw new Error(`The documentation's page has no style: ${asset.status}`);
  const { sessionId } = await post(`${url}/api/sessions/create`, {});
  const { result } = await post(`${url}/api/sessions/query`, { sessionId, query: '6 * 7' });
  if (result?.content !== '6 * 7 = 42') throw new Error(`It answered ${JSON.stringify(result)}`);
  return result.content;
}

async function post(url, body) {
  const headers = { 'content-type': 'application/json' };
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).json();
}

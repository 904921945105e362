// Packs the package, installs the tarball in an empty directory and runs it there: the command, and the import.
// Scripts of dependencies are blocked, as newer npm does by default: the database driver that needs none must do.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'agent-tars-pack-'));
const npm = (args, cwd) =>
  execFileSync('npm', args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] }).toString();

async function post(url, body) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return response.json();
}

async function check(url, what) {
  const { sessionId } = await post(`${url}/api/sessions/create`, {});
  const { result } = await post(`${url}/api/sessions/query`, { sessionId, query: '6 * 7' });
  if (result?.content !== '6 * 7 = 42') throw new Error(`${what}: ${JSON.stringify(result)}`);
  console.log(`${what}: ${result.content}`);
}

/** Starts a program, waits for the line that names its URL, checks it and ends it. */
async function runAndCheck(what, command, args) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) if (/API_KEY|^AGENT_TARS_/.test(name)) delete env[name];
  const child = spawn(command, args, { cwd: directory, env, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    for await (const line of createInterface(child.stdout)) {
      const url = /(http:\/\/\S+)/.exec(line)?.[1];
      if (!url) continue;
      await check(url, what);
      return;
    }
    throw new Error(`${what}: it ended without naming its URL`);
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

try {
  const [{ filename }] = JSON.parse(
    npm(['pack', '--json', '--ignore-scripts', '--pack-destination', directory], project),
  );
  writeFileSync(
    join(directory, 'package.json'),
    '{ "name": "elsewhere", "private": true, "type": "module" }\n',
  );
  npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', join(directory, filename)], directory);
  await runAndCheck('the command', join(directory, 'node_modules/.bin/agent-tars'), [
    'serve',
    '--port',
    '0',
    '--data-dir',
    'data',
  ]);
  writeFileSync(
    join(directory, 'embed.js'),
    `import { AgentTARSServer } from '@agent-tars/server';
const server = new AgentTARSServer({ server: { port: 0, storage: { type: 'memory' } } });
await server.start();
console.log(server.url);
process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)));
`,
  );
  await runAndCheck('the import', process.execPath, ['embed.js']);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

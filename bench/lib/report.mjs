import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const README = new URL('../README.md', import.meta.url);
const BEGIN = '<!-- results: written by `npm run bench` -->';
const END = '<!-- end of results -->';

/** What else the machine had to do when the benchmark began: figures taken on a busy one are worth less. */
const [busy] = loadavg();

/** Where and of what the figures are. */
export function circumstances() {
  const [{ model }] = cpus();
  const cores = `${cpus().length} cores`;
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB`;
  return [
    `- Date: ${new Date().toISOString().slice(0, 10)}`,
    `- Machine: ${model.trim()}, ${cores}, ${memory}; Node ${process.version}, ${process.platform}`,
    `- Load average when it began: ${busy.toFixed(1)}`,
    `- Commit: ${commit()}`,
  ].join('\n');
}

function commit() {
  const git = (...args) =>
    execFileSync('git', args, {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .toString()
      .trim();
  try {
    const changed = git('status', '--porcelain', '--', 'src', 'bin', 'package-lock.json') !== '';
    return git('rev-parse', '--short', 'HEAD') + (changed ? ', with changes that are not committed' : '');
  } catch {
    return 'unknown'; // not in a checkout, or no git
  }
}

/** Puts the results in the place of those before. */
export async function writeResults(text) {
  const readme = await readFile(README, 'utf8');
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined)
    throw new Error(`bench/README.md has no place for results between ${BEGIN} and ${END}`);
  await writeFile(README, `${before}${BEGIN}\n\n${text}\n\n${END}${after}`);
}

// Leaves beside the built code what GET /api/version tells of it.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

function gitHash() {
  try {
    return execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  } catch {
    return ''; // built outside a checkout
  }
}

const info = { buildTime: new Date().toISOString(), gitHash: gitHash() };
writeFileSync(new URL('../dist/build-info.json', import.meta.url), `${JSON.stringify(info)}\n`);

#!/usr/bin/env node
import { existsSync } from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error('agent-tars has not been built yet: run "npm run build" in its directory.');
  process.exitCode = 1;
}

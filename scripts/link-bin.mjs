// Puts the package's own command where `npx agent-tars` looks first in a checkout. Without it npx would pack and
// build the package again at every call.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';

const directory = new URL('../node_modules/.bin/', import.meta.url);
const link = new URL('agent-tars', directory);

try {
  mkdirSync(directory, { recursive: true });
  rmSync(link, { force: true });
  symlinkSync('../../bin/agent-tars.js', link);
} catch (error) {
  console.warn(`npx agent-tars will be slow here: ${error.message}`); // no symbolic links on this system
}

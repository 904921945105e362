// Writes what the package brings along, out of the lockfile, into sbom.cdx.json (CycloneDX) or the file named.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const file = process.argv[2] ?? `${project}sbom.cdx.json`;
const read = (name) => JSON.parse(readFileSync(`${project}${name}`, 'utf8'));

// Everything first: `npm sbom --omit dev` also leaves out what is shipped when something of development needs it too.
const text = execFileSync('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], {
  cwd: project,
  stdio: ['ignore', 'pipe', 'inherit'],
  maxBuffer: 64 * 1024 * 1024,
});
const all = JSON.parse(text.toString());

const shipped = new Set([all.metadata.component['bom-ref']]);
for (const [path, { name, version, dev }] of Object.entries(read('package-lock.json').packages)) {
  if (path !== '' && !dev) shipped.add(`${name ?? path.replace(/^.*node_modules\//, '')}@${version}`);
}
const component = { ...all.metadata.component, type: 'application', name: read('package.json').name };
const bom = {
  ...all,
  metadata: { ...all.metadata, component },
  components: all.components.filter((each) => shipped.has(each['bom-ref'])),
  dependencies: all.dependencies
    .filter(({ ref }) => shipped.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((each) => shipped.has(each)) })),
};
writeFileSync(file, `${JSON.stringify(bom, undefined, 2)}\n`);
console.log(`${bom.components.length} components in ${file}`);

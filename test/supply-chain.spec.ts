import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SQLITE_DRIVERS } from '../src/config/index.js';
import { packagesIn } from './support/import-graph.js';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const SLOW_MS = 60_000;

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
  readonly optionalDependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly allowScripts: Record<string, boolean>;
}

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

const manifest = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as Manifest;
const lock = JSON.parse(readFileSync(join(PROJECT, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>;
};
const locked = Object.entries(lock.packages)
  .filter(([path]) => path !== '')
  .map(([path, entry]) => ({ ...entry, path, name: path.replace(/^.*node_modules\//, '') }));
const shipped = locked.filter(({ dev }) => dev !== true);
const { dependencies, peerDependencies, optionalDependencies, devDependencies, allowScripts } = manifest;
const shippedRanges = { ...dependencies, ...peerDependencies, ...optionalDependencies };

function script(name: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  return new Promise<{ code: number; output: string }>((resolve) => {
    const path = join(PROJECT, 'scripts', name);
    execFile(
      process.execPath,
      [path, ...args],
      { env: { ...process.env, ...env } },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), output: stdout + stderr }),
    );
  });
}

describe('what the package brings along', () => {
  it('is used: each dependency is imported by the code', () => {
    const imported = new Set(
      packagesIn([join(PROJECT, 'src'), join(PROJECT, 'bin')]).map(({ name }) => name),
    );
    for (const driver of SQLITE_DRIVERS) imported.add(driver); // by the name that the configuration gives
    const declared = Object.keys(shippedRanges).filter((name) => !name.startsWith('@types/'));
    expect(declared.filter((name) => !imported.has(name))).toEqual([]);
  });

  it('is declared: the code imports nothing else, but for types', () => {
    const declared = new Set(Object.keys(shippedRanges));
    const others = packagesIn([join(PROJECT, 'src'), join(PROJECT, 'bin')])
      .filter(({ name, typeOnly }) => !typeOnly && !declared.has(name))
      .map(({ name, from }) => `${from}: ${name}`);
    expect(others).toEqual([]);
  });

  it('is locked by its content, and comes from the registry alone', () => {
    expect(
      locked.filter(({ integrity }) => !integrity?.startsWith('sha512-')).map(({ path }) => path),
    ).toEqual([]);
    const elsewhere = locked.filter(({ resolved }) => /^(git|http:|file:)/.test(resolved ?? ''));
    expect(elsewhere.map(({ path }) => path)).toEqual([]);
    const ranges = Object.values({ ...dependencies, ...optionalDependencies, ...devDependencies });
    expect(ranges.filter((range) => !/^[~^]?\d+\.\d+\.\d+$/.test(range))).toEqual([]);
  });

  it('leaves Nest to whoever installs it: one copy for a host and the server, of either major version', () => {
    const ofNest = Object.keys(shippedRanges).filter((name) => name.startsWith('@nestjs/'));
    expect(Object.keys(peerDependencies)).toEqual(ofNest);
    for (const range of Object.values(peerDependencies)) {
      expect(range).toMatch(/^\^11\.\d+\.\d+ \|\| \^12\.\d+\.\d+$/);
    }
  });

  it('brings the types along that its own refer to', () => {
    expect(Object.keys(dependencies).filter((name) => name.startsWith('@types/'))).toEqual([
      '@types/express',
      '@types/json-schema',
    ]);
  });

  it('may run scripts when it is installed only where a native module needs them', () => {
    const withScripts = new Set(locked.filter((each) => each.hasInstallScript).map(({ name }) => name));
    expect(allowScripts).toEqual({ '@swc/core': true, 'better-sqlite3': true, sqlite3: true });
    expect(Object.keys(allowScripts).filter((name) => !withScripts.has(name))).toEqual([]);
  });

  it('reports nothing of who installs it', () => {
    expect(manifest).toMatchObject({ scarfSettings: { enabled: false } });
  });
});

describe('the bill of materials', () => {
  let directory: string;
  let bom: {
    readonly metadata: { readonly component: { readonly name: string } };
    readonly components: readonly { readonly 'bom-ref': string; readonly purl: string }[];
    readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'agent-tars-sbom-'));
    const file = join(directory, 'sbom.cdx.json');
    const { code, output } = await script('sbom.mjs', [file]);
    expect([code, output]).toEqual([0, expect.stringContaining('components')]);
    bom = JSON.parse(await readFile(file, 'utf8'));
  }, SLOW_MS);
  afterAll(() => rm(directory, { recursive: true }));

  /** What CycloneDX 1.5 asks of the fields that are used here. */
  const SCHEMA = {
    type: 'object',
    required: [
      'bomFormat',
      'specVersion',
      'serialNumber',
      'version',
      'metadata',
      'components',
      'dependencies',
    ],
    properties: {
      bomFormat: { const: 'CycloneDX' },
      specVersion: { enum: ['1.4', '1.5', '1.6'] },
      serialNumber: {
        pattern: '^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
      },
      version: { type: 'integer', minimum: 1 },
      metadata: {
        type: 'object',
        required: ['timestamp', 'component'],
        properties: { component: { $ref: '#/$defs/component' } },
      },
      components: { type: 'array', uniqueItems: true, items: { $ref: '#/$defs/component' } },
      dependencies: {
        type: 'array',
        items: {
          type: 'object',
          required: ['ref'],
          properties: { dependsOn: { type: 'array', uniqueItems: true, items: { type: 'string' } } },
        },
      },
    },
    $defs: {
      component: {
        type: 'object',
        required: ['type', 'name', 'version', 'bom-ref', 'purl'],
        properties: {
          type: { enum: ['application', 'framework', 'library'] },
          name: { type: 'string', minLength: 1 },
          version: { pattern: '^\\d+\\.\\d+\\.\\d+' },
          purl: { pattern: '^pkg:npm/.+@.+' },
          scope: { enum: ['required', 'optional', 'excluded'] },
          hashes: {
            type: 'array',
            items: {
              required: ['alg', 'content'],
              properties: {
                alg: { enum: ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'] },
                content: { pattern: '^([0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$' },
              },
            },
          },
          licenses: {
            type: 'array',
            items: { anyOf: [{ required: ['license'] }, { required: ['expression'] }] },
          },
        },
      },
    },
  };

  it('is valid CycloneDX', () => {
    const fits = new Ajv2020({ strict: false, allErrors: true }).compile(SCHEMA);
    fits(bom);
    expect(fits.errors ?? []).toEqual([]);
    expect(bom.metadata.component).toMatchObject({ name: '@agent-tars/server', type: 'application' });
    const refs = new Set(bom.components.map((component) => component['bom-ref']));
    expect(refs.size).toBe(bom.components.length);
    const dangling = bom.dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !refs.has(ref));
    expect(dangling).toEqual([]);
  });

  it('names everything that is shipped, and nothing else', () => {
    const named = bom.components.map(({ purl }) => decodeURIComponent(purl.slice('pkg:npm/'.length)));
    const expected = new Set(shipped.map(({ name, version }) => `${name}@${version}`));
    expect([...expected].filter((each) => !named.includes(each))).toEqual([]);
    expect(named.filter((each) => !expected.has(each))).toEqual([]);
    const direct = Object.keys({ ...dependencies, ...optionalDependencies });
    expect(direct.filter((name) => !named.some((each) => each.startsWith(`${name}@`)))).toEqual([]);
    expect(named.filter((each) => /^(jest|playwright-core|eslint|prettier)@/.test(each))).toEqual([]);
  });
});

describe('the search for known weaknesses', () => {
  let registry: Server;
  let answer: { status: number; body: unknown };
  /** npm keeps what it has been told. */
  let cache: string;

  beforeAll(async () => {
    cache = await mkdtemp(join(tmpdir(), 'agent-tars-npm-'));
    registry = createServer((req, res) => {
      const { status, body } = req.method === 'POST' ? answer : { status: 404, body: { error: 'not found' } };
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    registry.listen(0, '127.0.0.1');
    await once(registry, 'listening');
  });
  afterAll(() => {
    registry.closeAllConnections();
    registry.close();
    return rm(cache, { recursive: true });
  });

  const advisory = (severity: string) => ({
    express: [
      {
        id: 2_000_000_000 + ['moderate', 'high', 'critical'].indexOf(severity),
        url: 'https://example.org/advisory',
        title: 'It is weak',
        severity,
        vulnerable_versions: '>=0.0.0',
        cwe: [],
        cvss: { score: 0, vectorString: null },
      },
    ],
  });

  const audit = (status: number, body: unknown) => {
    answer = { status, body };
    const { port } = registry.address() as AddressInfo;
    return script('audit.mjs', [], {
      npm_config_registry: `http://127.0.0.1:${port}`,
      npm_config_fetch_retries: '0',
      npm_config_cache: cache,
    });
  };

  it(
    'passes when none is known',
    async () => {
      expect(await audit(200, {})).toEqual({
        code: 0,
        output: expect.stringContaining('0 known weaknesses'),
      });
    },
    SLOW_MS,
  );

  it.each(['high', 'critical'])(
    'fails, and says where, when one is %s',
    async (severity) => {
      const { code, output } = await audit(200, advisory(severity));
      expect(code).toBe(1);
      expect(output).toMatch(new RegExp(`${severity}: express .*It is weak https://example.org/advisory`));
    },
    SLOW_MS,
  );

  it(
    'tells of lesser ones and passes',
    async () => {
      const { code, output } = await audit(200, advisory('moderate'));
      expect([code, output]).toEqual([0, expect.stringContaining('moderate: express')]);
    },
    SLOW_MS,
  );

  it(
    'says plainly that the registry could not be asked, and passes',
    async () => {
      const { code, output } = await audit(405, {});
      expect([code, output]).toEqual([0, expect.stringMatching(/NOT CHECKED: .*405/)]);
    },
    SLOW_MS,
  );
});

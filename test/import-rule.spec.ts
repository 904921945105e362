import { describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import { circles, type Import, importsBelow, importsOf } from './support/import-graph.js';

/** The folders and files of `src`, highest first: each may use those below it. */
const LAYERS = [
  ['main.ts'],
  ['cli'],
  ['index.ts'],
  ['server.ts', 'hosting'],
  ['pipeline.ts'],
  ['app.module.ts'],
  ['sessions', 'query', 'share', 'workspace', 'gateway', 'docs', 'system', 'web-ui'],
  ['runs'],
  ['agent'],
  ['tools', 'models', 'images'],
  ['events'],
  ['database', 'logger.ts'],
  ['config'],
  ['http', 'files', 'auth'],
] as const;

/** Folders of pieces that stand for themselves: their files are imported one by one. */
const TOOLBOXES: readonly string[] = ['common', 'http', 'files'];

const APP = LAYERS.findIndex((layer) => (layer as readonly string[]).includes('app.module.ts'));

/** The folder of a file, or the file itself where it lies in no folder. */
const partOf = (file: string): string => file.split('/')[0] ?? '';

const levelOf = (part: string): number =>
  LAYERS.findIndex((layer) => (layer as readonly string[]).includes(part));

/** What is wrong with one import, or undefined. */
function problem({ from, to }: Import): string | undefined {
  const [part, target] = [partOf(from), partOf(to)];
  const says = `${from} imports ${to}`;
  if (part === target) return undefined;
  if (target === 'common') return undefined;
  if (part === 'common') return `${says}: common uses nobody`;
  const [level, targetLevel] = [levelOf(part), levelOf(target)];
  if (level === -1)
    return `${from} belongs to no layer: name its folder in this test and in the architecture`;
  if (targetLevel === -1)
    return `${to} belongs to no layer: name its folder in this test and in the architecture`;
  if (targetLevel < level) return `${says}: ${target} lies above ${part}`;
  // Who puts the server together may reach into a folder; everybody else goes through its door.
  const throughTheDoor =
    TOOLBOXES.includes(target) || /^[^/]+\/([^/]+\.module|index)\.ts$/.test(to) || !to.includes('/');
  return level < APP || throughTheDoor ? undefined : `${says}: not through the index of ${target}`;
}

const problems = (imports: readonly Import[]): string[] =>
  imports.map(problem).filter((found) => found !== undefined);

const betweenParts = (imports: readonly Import[]) =>
  imports.map(({ from, to }) => [partOf(from), partOf(to)] as const).filter(([from, to]) => from !== to);

const betweenFiles = (imports: readonly Import[]) =>
  imports.filter(({ typeOnly }) => !typeOnly).map(({ from, to }) => [from, to] as const);

describe('the import rule', () => {
  const imports = importsBelow(fileURLToPath(new URL('../src', import.meta.url)));

  it('sees the imports of the whole source', () => {
    expect(imports.length).toBeGreaterThan(200);
    expect(imports).toContainEqual({ from: 'main.ts', to: 'cli/serve.ts', typeOnly: false });
    expect(imports).toContainEqual({ from: 'cli/serve.ts', to: 'server.ts', typeOnly: false });
    const parts = new Set(imports.map(({ from }) => partOf(from)));
    for (const part of [
      'server.ts',
      'app.module.ts',
      'sessions',
      'query',
      'gateway',
      'agent',
      'events',
      'database',
    ]) {
      expect(parts).toContain(part);
    }
  });

  it('holds: each folder uses those below it, through their index', () => {
    expect(problems(imports)).toEqual([]);
  });

  it('holds among the features too: no two need each other', () => {
    expect(circles(betweenParts(imports))).toEqual([]);
  });

  it('holds among files: none needs itself while it is loaded', () => {
    expect(circles(betweenFiles(imports))).toEqual([]);
  });
});

describe('the check of the import rule', () => {
  const edge = (from: string, to: string, typeOnly = false): Import => ({ from, to, typeOnly });

  it.each([
    ['main.ts', 'cli/serve.ts'],
    ['cli/serve.ts', 'config/index.ts'],
    ['cli/serve.ts', 'config/build-info.ts'],
    ['server.ts', 'gateway/io.adapter.ts'],
    ['app.module.ts', 'share/share.module.ts'],
    ['query/query.service.ts', 'sessions/index.ts'],
    ['query/query.module.ts', 'sessions/sessions.module.ts'],
    ['query/query.service.ts', 'query/dto/query.dto.ts'],
    ['query/query.service.ts', 'events/index.ts'],
    ['models/model-error.ts', 'common/errors.ts'],
    ['config/resolve-config.ts', 'common/secret.ts'],
    ['http/error.filter.ts', 'common/errors.ts'],
  ])('lets %s import %s', (from, to) => {
    expect(problems([edge(from, to)])).toEqual([]);
  });

  it.each([
    ['common/ids.ts', 'config/index.ts', 'common/ids.ts imports config/index.ts: common uses nobody'],
    [
      'config/index.ts',
      'database/index.ts',
      'config/index.ts imports database/index.ts: database lies above config',
    ],
    [
      'events/event-feed.ts',
      'agent/index.ts',
      'events/event-feed.ts imports agent/index.ts: agent lies above events',
    ],
    [
      'agent/agent.service.ts',
      'sessions/index.ts',
      'agent/agent.service.ts imports sessions/index.ts: sessions lies above agent',
    ],
    [
      'sessions/sessions.service.ts',
      'server.ts',
      'sessions/sessions.service.ts imports server.ts: server.ts lies above sessions',
    ],
    ['app.module.ts', 'server.ts', 'app.module.ts imports server.ts: server.ts lies above app.module.ts'],
    [
      'query/query.service.ts',
      'sessions/sessions.repository.ts',
      'query/query.service.ts imports sessions/sessions.repository.ts: not through the index of sessions',
    ],
    [
      'query/query.service.ts',
      'sessions/dto/sessions.dto.ts',
      'query/query.service.ts imports sessions/dto/sessions.dto.ts: not through the index of sessions',
    ],
    [
      'query/query.service.ts',
      'events/event-bus.ts',
      'query/query.service.ts imports events/event-bus.ts: not through the index of events',
    ],
    [
      'plugins/index.ts',
      'events/index.ts',
      'plugins/index.ts belongs to no layer: name its folder in this test and in the architecture',
    ],
    [
      'server.ts',
      'plugins/index.ts',
      'plugins/index.ts belongs to no layer: name its folder in this test and in the architecture',
    ],
  ])('does not let %s import %s', (from, to, says) => {
    expect(problems([edge(from, to)])).toEqual([says]);
    expect(problems([edge(from, to, true)])).toEqual([says]);
  });

  it('finds a circle of two features', () => {
    const both = [edge('query/a.ts', 'sessions/index.ts'), edge('sessions/b.ts', 'query/index.ts', true)];
    expect(problems(both)).toEqual([]);
    expect(circles(betweenParts(both))).toEqual([['query', 'sessions', 'query']]);
  });

  it('finds a circle of files, also a long one, and lets types be', () => {
    const chain = [edge('a.ts', 'b.ts'), edge('b.ts', 'c.ts'), edge('c.ts', 'd.ts'), edge('a.ts', 'd.ts')];
    expect(circles(betweenFiles(chain))).toEqual([]);
    expect(circles(betweenFiles([...chain, edge('d.ts', 'b.ts')]))).toEqual([
      ['b.ts', 'c.ts', 'd.ts', 'b.ts'],
    ]);
    expect(circles(betweenFiles([...chain, edge('d.ts', 'b.ts', true)]))).toEqual([]);
    expect(circles(betweenFiles([edge('a.ts', 'a.ts')]))).toEqual([['a.ts', 'a.ts']]);
  });

  it('reads every way to write an import', () => {
    const source = `
      import 'reflect-metadata';
      import '../a.js';
      import b from './b.js';
      import * as c from './c.js';
      import { d, type e } from './d.js';
      import { type f } from './f.js';
      import type { g } from './g.js';
      export * from './h.js';
      export type { i } from './i.js';
      // import './comment.js';
      const text = "import './text.js'";
      const j = await import('./j.js');
      type K = import('./k.js').K;
    `;
    expect(importsOf('folder/file.ts', source).map(({ to, typeOnly }) => [to, typeOnly])).toEqual([
      ['a.ts', false],
      ['folder/b.ts', false],
      ['folder/c.ts', false],
      ['folder/d.ts', false],
      ['folder/f.ts', true],
      ['folder/g.ts', true],
      ['folder/h.ts', false],
      ['folder/i.ts', true],
      ['folder/j.ts', false],
      ['folder/k.ts', true],
    ]);
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import ts from 'typescript';

/** One import of a file by another; both paths are relative to the source directory, with `/`. */
export interface Import {
  readonly from: string;
  readonly to: string;
  /** It is gone once compiled. */
  readonly typeOnly: boolean;
}

/** One import of a package by a file. */
export interface PackageImport {
  readonly from: string;
  /** The package's name, whatever file of it is imported. */
  readonly name: string;
  readonly typeOnly: boolean;
}

/** All imports among the TypeScript files below `directory`, tests and packages left out. */
export function importsBelow(directory: string): Import[] {
  return sourcesBelow(directory).flatMap(({ file, source }) => importsOf(file, source));
}

/** All imports of packages by the files below the directories, tests and Node's own modules left out. */
export function packagesIn(directories: readonly string[]): PackageImport[] {
  return directories.flatMap(sourcesBelow).flatMap(({ file, source }) =>
    specifiersIn(file, source)
      .filter(({ text }) => !/^(\.|node:)/.test(text))
      .map(({ text, typeOnly }) => ({
        from: file,
        name: /^(@[^/]+\/)?[^/]+/.exec(text)?.[0] ?? text,
        typeOnly,
      })),
  );
}

/** The relative imports of one file: `import`, `export … from`, `import()` and `import('…').Type`. */
export function importsOf(file: string, source: string): Import[] {
  return specifiersIn(file, source)
    .filter(({ text }) => text.startsWith('.'))
    .map(({ text, typeOnly }) => {
      const to = posix.join(posix.dirname(file), text).replace(/\.js$/, '.ts');
      return { from: file, to, typeOnly };
    });
}

function sourcesBelow(directory: string): { file: string; source: string }[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((file) => relative(directory, join(directory, file)).split(sep).join('/'))
    .filter((file) => /\.[jt]s$/.test(file) && !/\.(spec|d)\.ts$/.test(file))
    .map((file) => ({ file, source: readFileSync(join(directory, file), 'utf8') }));
}

function specifiersIn(file: string, source: string): { text: string; typeOnly: boolean }[] {
  const found: { text: string; typeOnly: boolean }[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (specifier && ts.isStringLiteral(specifier)) found.push({ text: specifier.text, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeOnly(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, source, ts.ScriptTarget.ES2022, true));
  return found;
}

function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false; // import './x.js'
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const { name, namedBindings } = clause;
  if (name || !namedBindings || !ts.isNamedImports(namedBindings)) return false;
  return namedBindings.elements.every((element) => element.isTypeOnly);
}

/** A way from a node back to itself for each circle that a search comes upon; none when there is no circle. */
export function circles(edges: readonly (readonly [from: string, to: string])[]): string[][] {
  const next = new Map<string, Set<string>>();
  for (const [from, to] of edges) next.set(from, (next.get(from) ?? new Set()).add(to));
  const done = new Set<string>();
  const found: string[][] = [];
  const walk = (node: string, path: readonly string[]): void => {
    if (path.includes(node)) {
      found.push([...path.slice(path.indexOf(node)), node]);
      return;
    }
    if (done.has(node)) return;
    for (const to of next.get(node) ?? []) walk(to, [...path, node]);
    done.add(node);
  };
  for (const node of next.keys()) walk(node, []);
  return found;
}

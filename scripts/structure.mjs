// Prints the numbers that the source is held to, and exits with 1 where one is missed. `node scripts/structure.mjs --list`
// names the functions and classes behind them.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const SRC = fileURLToPath(new URL('../src', import.meta.url));
const files = readdirSync(SRC, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'));
const sources = new Map(
  files.map((file) => [
    file.replaceAll('\\', '/'),
    ts.createSourceFile(file, readFileSync(join(SRC, file), 'utf8'), ts.ScriptTarget.ESNext, true),
  ]),
);

const lineOf = (source, position) => source.getLineAndCharacterOfPosition(position).line + 1;
const linesOf = (node) => {
  const source = node.getSourceFile();
  return lineOf(source, node.end) - lineOf(source, node.getStart(source)) + 1;
};
const percentile = (numbers, p) =>
  numbers.length === 0 ? 0 : numbers.toSorted((a, b) => a - b)[Math.ceil((numbers.length * p) / 100) - 1];
const nodesOf = function* (node) {
  yield node;
  for (const child of node.getChildren()) yield* nodesOf(child);
};

/** Imports that are there when the code runs. */
function* valueImports(file, source) {
  for (const statement of source.statements) {
    const isImport = ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement);
    const to = isImport ? statement.moduleSpecifier?.text : undefined;
    if (!to?.startsWith('.') || isTypeOnly(statement)) continue;
    yield posix.join(posix.dirname(file), to).replace(/\.js$/, '.ts');
  }
}

function isTypeOnly(statement) {
  if (ts.isExportDeclaration(statement)) {
    const { exportClause } = statement;
    const elements = exportClause && ts.isNamedExports(exportClause) ? exportClause.elements : [];
    return statement.isTypeOnly || (elements.length > 0 && elements.every((each) => each.isTypeOnly));
  }
  const clause = statement.importClause;
  if (!clause) return false;
  if (clause.isTypeOnly) return true;
  const named =
    clause.namedBindings && ts.isNamedImports(clause.namedBindings) && clause.namedBindings.elements;
  return !clause.name && named && named.length > 0 && named.every((each) => each.isTypeOnly);
}

/** How many sets of nodes reach each other (Tarjan's strongly connected components with more than one node). */
function cyclesIn(graph) {
  let counter = 0;
  let found = 0;
  const index = new Map();
  const low = new Map();
  const stack = [];
  const visit = (node) => {
    index.set(node, counter);
    low.set(node, counter++);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node), low.get(next)));
    }
    if (low.get(node) !== index.get(node)) return;
    const component = stack.splice(stack.indexOf(node));
    if (component.length > 1) found += 1;
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return found;
}

const between = new Map();
const folders = new Map();
for (const [file, source] of sources) {
  const targets = [...valueImports(file, source)];
  between.set(file, targets);
  const folder = file.includes('/') ? file.split('/')[0] : file;
  const known = folders.get(folder) ?? new Set();
  for (const to of targets) if (to.includes('/') && to.split('/')[0] !== folder) known.add(to.split('/')[0]);
  folders.set(folder, known);
}

const functions = [];
const dependencies = [];
const handlers = [];
let anys = 0;
for (const [file, source] of sources) {
  for (const node of nodesOf(source)) {
    const name = `${file} ${node.name?.getText(source) ?? ''}`;
    const isFunction =
      ts.isFunctionDeclaration(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isConstructorDeclaration(node) ||
      ts.isFunctionExpression(node) ||
      (ts.isArrowFunction(node) && ts.isBlock(node.body));
    if (isFunction && node.body) functions.push([name, linesOf(node)]);
    if (ts.isConstructorDeclaration(node)) {
      const isInjected = ts.canHaveDecorators(node.parent) && ts.getDecorators(node.parent)?.length > 0;
      if (isInjected) dependencies.push([`${file} ${node.parent.name?.text}`, node.parameters.length]);
    }
    if (
      ts.isMethodDeclaration(node) &&
      /\.controller\.ts$/.test(file) &&
      ts.getDecorators(node)?.length > 0
    ) {
      handlers.push([name, node.body?.statements.length ?? 0]);
    }
    if (node.kind === ts.SyntaxKind.AnyKeyword) anys += 1;
  }
}
const lengths = [...sources].map(([file, source]) => [file, source.text.trimEnd().split('\n').length]);

const values = (list) => list.map(([, value]) => value);
const most = (list) => Math.max(0, ...values(list));
const rows = [
  ['value cycles', cyclesIn(between), 0],
  ['folder cycles', cyclesIn(new Map([...folders].map(([from, to]) => [from, [...to]]))), 0],
  ['constructor dependencies p90', percentile(values(dependencies), 90), 5],
  ['constructor dependencies, most', most(dependencies), 7],
  ['lines a function p90', percentile(values(functions), 90), 20],
  ['lines a file, most', most(lengths), 300],
  ['statements a handler, most', most(handlers), 2],
  ['any', anys, 0],
];
for (const [name, value, limit] of rows) {
  console.log(`${value <= limit ? 'ok    ' : 'MISSED'} ${name}: ${value} (at most ${limit})`);
}
if (process.argv.includes('--list')) {
  for (const list of [dependencies, functions, lengths, handlers]) {
    const top = list.toSorted(([, a], [, b]) => b - a).slice(0, 8);
    console.log(top.map(([name, value]) => `  ${value} ${name}`).join('\n') + '\n');
  }
}
process.exitCode = rows.every(([, value, limit]) => value <= limit) ? 0 : 1;

// Writes README's table of settings, from their schema: the keys, the defaults, and what the docstrings say of them.
// With --check it only says whether the table is what it would write.
import { createJiti } from 'jiti';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../', import.meta.url)).replaceAll('\\', '/'); // as TypeScript has it
const SCHEMA = `${ROOT}src/config/config.schema.ts`;
const README = `${ROOT}README.md`;
const TABLE =
  /(?<=<!-- settings, written by "npm run config-table" -->\n\n).*?(?=\n\n<!-- end of settings -->)/s;

const { configSchema } = await createJiti(import.meta.url, { fsCache: false }).import(SCHEMA);
const program = createProgram();
const checker = program.getTypeChecker();
const rows = [['key', 'default', ''], ...rowsOf(configSchema, inputType(), '')];
const readme = readFileSync(README, 'utf8');
if (!TABLE.test(readme)) throw new Error('README.md has lost the comments around its table of settings.');
const written = readme.replace(TABLE, () => tableOf(rows));

if (!process.argv.includes('--check')) {
  writeFileSync(README, written);
} else if (written !== readme) {
  console.error('The settings in README.md are not those of src/config: run "npm run config-table".');
  process.exitCode = 1;
}

function createProgram() {
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.types.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  return ts.createProgram([SCHEMA], options);
}

/** The type that configurations are written in: its docstrings are those that an editor shows. */
function inputType() {
  const module = checker.getSymbolAtLocation(program.getSourceFile(SCHEMA));
  const symbol = checker.getExportsOfModule(module).find(({ name }) => name === 'ConfigInput');
  return checker.getDeclaredTypeOfSymbol(symbol);
}

/** One row for each setting; a section has a row of its own where there is something to say of it. */
function rowsOf(section, type, path) {
  return Object.entries(section.shape).flatMap(([name, schema]) => {
    const key = path + name;
    const symbol = checker.getPropertyOfType(type, name);
    const doc = docOf(symbol);
    const value = unwrapped(schema);
    const isSection = value.type === 'object';
    if (!isSection && !doc) throw new Error(`${key} has no docstring in src/config.`);
    const own = doc ? [[`\`${key}\``, defaultOf(schema), doc + choicesOf(value)]] : [];
    if (!isSection) return own;
    const inner = checker.getNonNullableType(checker.getTypeOfSymbol(symbol));
    return [...own, ...rowsOf(value, inner, `${key}.`)];
  });
}

function docOf(symbol) {
  return ts.displayPartsToString(symbol.getDocumentationComment(checker)).replace(/\s+/g, ' ').trim();
}

/** A schema without what says that it may be missing. */
function unwrapped(schema) {
  return schema.def.innerType ? unwrapped(schema.def.innerType) : schema;
}

function defaultOf(schema) {
  for (let at = schema; at; at = at.def.innerType) {
    const described = at.meta()?.default;
    if (described !== undefined) return described;
    if (at.type === 'default') return `\`${inspect(at.def.defaultValue)}\``;
  }
  return '';
}

function choicesOf(value) {
  if (value.type !== 'enum') return '';
  return ` One of ${value.options.map((option) => `\`${option}\``).join(', ')}.`;
}

/** A table as Prettier writes it. */
function tableOf(rows) {
  const widths = [0, 1, 2].map((column) => Math.max(3, ...rows.map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  const [head, ...body] = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

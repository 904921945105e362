import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import ts from 'typescript';

/** Globals that Node loads with all of its fetch when they are first touched: tens of milliseconds and megabytes. */
const LAZY_GLOBALS =
  'TSTypeAnnotation > TSTypeReference > Identifier[name=/^(Request|Response|Headers|FormData|WebSocket|EventSource|MessageEvent|CloseEvent)$/]';
/** Where the compiler writes the types of parameters, results and fields down for decorators to read. */
const WRITTEN_TYPES = [
  'MethodDefinition[decorators.length>0] > FunctionExpression > *.params',
  'MethodDefinition:has(FunctionExpression > Identifier > Decorator) > FunctionExpression > *.params',
  'ClassDeclaration[decorators.length>0] > ClassBody > MethodDefinition[kind="constructor"] > FunctionExpression > *.params',
].flatMap((parameter) => [`${parameter} > ${LAZY_GLOBALS}`, `${parameter} > * > ${LAZY_GLOBALS}`]);
const lazyGlobals = [
  ...WRITTEN_TYPES,
  `MethodDefinition[decorators.length>0] > FunctionExpression > ${LAZY_GLOBALS}`,
  `PropertyDefinition[decorators.length>0] > ${LAZY_GLOBALS}`,
].map((selector) => ({
  selector,
  message:
    "A decorator has the compiler name this type in the code, and that loads the global of the same name. Import it under another one: import type { Response as ExpressResponse } from 'express'.",
}));

/** What clients are told stands together, by feature: a code and a sentence are found, and compared, in one place. */
const inlineErrors = {
  selector: 'NewExpression[callee.name="DomainError"]',
  message: "Make it a class of its own in the feature's *.errors.ts.",
};

/** A text that is cut at a number may end with half a character; where it is cut at what was found in it, it may not. */
const wholeCharacters = {
  meta: { messages: { cut: 'This may cut a character in half: use cutText of src/common/text.ts.' } },
  create: (context) => ({
    'CallExpression[callee.property.name=/^(slice|substring|substr)$/][arguments.0.value=0]'(node) {
      const [, end] = node.arguments;
      const isBound =
        (end?.type === 'Literal' && end.value > 40) ||
        (end?.type === 'Identifier' && /^([A-Z_]+|max.*|most|limit|length)$/.test(end.name)) ||
        (end?.type === 'CallExpression' && end.callee.object?.name === 'Math');
      const isText = () =>
        context.sourceCode.parserServices.getTypeAtLocation(node.callee.object).flags &
        ts.TypeFlags.StringLike;
      if (isBound && isText()) context.report({ node, messageId: 'cut' });
    },
  }),
};
/** A clock that steps must neither lock clients out, nor make a duration negative: which one is meant is said by name. */
const clocks = [
  'MemberExpression[object.name="Date"][property.name="now"]',
  'NewExpression[callee.name="Date"][arguments.length=0]',
  'MemberExpression[object.name="performance"][property.name="now"]',
  'MemberExpression[object.name="process"][property.name=/^(hrtime|uptime)$/]',
].map((selector) => ({
  selector,
  message:
    'Use src/common/clock.ts: epochMs for timestamps and stored expiries; monotonicMs for limits, deadlines and durations.',
}));

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', 'scripts/api-tools/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.check.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'off', // SWC needs real imports of what it injects
      '@typescript-eslint/require-await': 'off', // an interface may ask for a promise
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-console': 'error',
    },
  },
  {
    // Answers come over the wire: tests read what they expect of them.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/common/text.ts', 'src/**/*.spec.ts'],
    plugins: { house: { rules: { 'whole-characters': wholeCharacters } } },
    rules: { 'house/whole-characters': 'error' },
  },
  {
    files: ['src/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', ...lazyGlobals, ...clocks, inlineErrors] },
  },
  {
    // Where errors are made, or any will do.
    files: ['src/common/errors.ts', 'src/**/*.errors.ts', 'src/**/*-errors.ts', 'src/http/error.filter.ts'],
    rules: { 'no-restricted-syntax': ['error', ...lazyGlobals, ...clocks] },
  },
  {
    files: ['src/common/clock.ts', 'src/**/*.spec.ts'],
    rules: { 'no-restricted-syntax': ['error', ...lazyGlobals] },
  },
  {
    files: ['src/cli/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/pages/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          ...[
            'Blob',
            'EventSource',
            'FormData',
            'URL',
            'URLSearchParams',
            'WebSocket',
            'Worker',
            'XMLHttpRequest',
          ],
          ...['document', 'fetch', 'location', 'navigator', 'setTimeout', 'window'],
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: {
        Buffer: 'readonly',
        URL: 'readonly',
        URLSearchParams: 'readonly',
        clearInterval: 'readonly',
        clearTimeout: 'readonly',
        console: 'readonly',
        fetch: 'readonly',
        performance: 'readonly',
        process: 'readonly',
        setImmediate: 'readonly',
        setInterval: 'readonly',
        setTimeout: 'readonly',
      },
    },
  },
);

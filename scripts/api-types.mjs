// Leaves beside the built code what only its TypeScript says of the API: the docstrings, the types of the answers, and
// the messages of sockets. The API's documentation is made of it at run time.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { JsonSchemas } from './json-schema.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url)).replaceAll('\\', '/'); // as TypeScript has it
const RESPONSE_TYPES = 'src/docs/response-types.ts';
const ROUTES = ['Get', 'Post', 'Put', 'Patch', 'Delete', 'All'];

const program = createProgram();
const checker = program.getTypeChecker();
const own = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(`${ROOT}src/`));
const json = new JsonSchemas(checker, own);
const written = membersOf('WrittenAnswers');
const streamed = membersOf('StreamedAnswers');
const files = membersOf('FileAnswers');

const tags = {};
const operations = {};
const inputs = {};
for (const file of own) {
  for (const node of file.statements.filter(ts.isClassDeclaration)) {
    if (decoratorsOf(node).some(({ name }) => name === 'Controller')) describeController(node);
    else if (file.fileName.endsWith('.dto.ts')) inputs[node.name.text] = json.ofObject(typeOf(node));
  }
}
for (const id of [...written.keys(), ...streamed.keys(), ...files.keys()]) {
  if (!(id in operations)) throw new Error(`${RESPONSE_TYPES} describes ${id}, which does not exist.`);
}
const sockets = {
  received: messagesOf('src/gateway/socket-messages.ts', 'ClientToServerEvents'),
  sent: messagesOf('src/events/control-messages.ts', 'ServerToClientEvents'),
};
json.of(typeOf(exported('src/common/errors.ts', 'ErrorBody')));
writeFileSync(
  `${ROOT}dist/api-types.json`,
  `${JSON.stringify({ tags, operations, inputs, sockets, schemas: json.schemas })}\n`,
);

function createProgram() {
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.types.json`, ts.sys.readFile);
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  return ts.createProgram(fileNames, options);
}

function describeController(controller) {
  const description = json.docOf(controller.symbol);
  if (description) tags[controller.name.text.replace(/Controller$/, '')] = description;
  for (const method of controller.members.filter(ts.isMethodDeclaration)) {
    if (!decoratorsOf(method).some(({ name }) => ROUTES.includes(name))) continue;
    const id = `${controller.name.text}_${method.name.text}`;
    const { summary, description } = splitDoc(json.docOf(method.symbol));
    operations[id] = {
      ...(summary && { summary }),
      ...(description && { description }),
      headers: headersOf(method),
      response: responseOf(id, method),
    };
  }
}

/** The request headers that a method takes, as OpenAPI parameters; Nest insists on none of them. */
function headersOf(method) {
  return method.parameters.flatMap((parameter) => {
    const header = decoratorsOf(parameter).map(headerOf).find(Boolean);
    if (!header) return [];
    const description = json.docOf(parameter.symbol);
    return [{ in: 'header', ...(description && { description }), ...header }];
  });
}

/** The header that a parameter's decorator reads. */
function headerOf({ name, args }) {
  if (name === 'IdempotencyKey') {
    return { name: 'Idempotency-Key', schema: { type: 'string', minLength: 1, maxLength: 200 } };
  }
  return name === 'Headers' && args[0] && { name: args[0].text, schema: { type: 'string' } };
}

function responseOf(id, method) {
  if (streamed.has(id)) {
    return {
      description: 'Server-Sent Events. The data of each is one of these, as JSON.',
      content: { 'text/event-stream': { schema: json.of(streamed.get(id)) } },
    };
  }
  if (files.has(id)) return { description: 'The file.', content: { '*/*': {} } };
  const returned = checker.getReturnTypeOfSignature(checker.getSignatureFromDeclaration(method));
  const type = written.get(id) ?? checker.getAwaitedType(returned);
  const description = 'Success.';
  if (type.flags & ts.TypeFlags.Void) return { description };
  const isFile = type.symbol?.name === 'StreamableFile';
  const mediaType = contentTypeOf(method) ?? (isFile ? '*/*' : 'application/json');
  if (mediaType === 'application/json' && type.flags & ts.TypeFlags.String) {
    throw new Error(
      `${id} answers with text: say in ${RESPONSE_TYPES} what the text holds, or give it its content-type.`,
    );
  }
  return { description, content: { [mediaType]: isFile ? {} : { schema: json.of(type) } } };
}

/** The value of `@Header('content-type', …)`, without its parameters. */
function contentTypeOf(method) {
  for (const { name, args } of decoratorsOf(method)) {
    const [header, value] = args.map((arg) => checker.getTypeAtLocation(arg).value);
    if (name === 'Header' && header?.toLowerCase() === 'content-type') return value?.split(';')[0];
  }
  return undefined;
}

/** The first sentence is the summary; what follows is the description, or that sentence again: linters ask for one. */
function splitDoc(doc) {
  const end = doc.search(/\.(\s|$)/);
  const summary = end < 0 ? doc : doc.slice(0, end);
  return { summary, description: (end < 0 ? '' : doc.slice(end + 1).trim()) || doc };
}

/** The messages of a map of Socket.IO's events: what each holds, and how it is acknowledged. */
function messagesOf(file, name) {
  const members = checker.getPropertiesOfType(typeOf(exported(file, name)));
  return Object.fromEntries(
    members.map((member) => {
      const [message, ack] = parametersOf(checker.getTypeOfSymbol(member));
      const [answer] = ack ? parametersOf(checker.getNonNullableType(ack)) : [];
      const description = json.docOf(member);
      return [
        member.name,
        {
          ...(description && { description }),
          payload: json.of(message),
          ...(answer && { answer: json.of(answer) }),
        },
      ];
    }),
  );
}

function parametersOf(type) {
  const [signature] = type.getCallSignatures();
  return signature.parameters.map((parameter) => checker.getTypeOfSymbol(parameter));
}

/** The properties of an interface that describes answers, by name. */
function membersOf(name) {
  const members = checker.getPropertiesOfType(typeOf(exported(RESPONSE_TYPES, name)));
  return new Map(members.map((member) => [member.name, checker.getTypeOfSymbol(member)]));
}

function exported(file, name) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(ROOT + file));
  return checker.getExportsOfModule(module).find((symbol) => symbol.name === name);
}

function typeOf(symbolOrNode) {
  return checker.getDeclaredTypeOfSymbol(symbolOrNode.symbol ?? symbolOrNode);
}

function decoratorsOf(node) {
  return (ts.getDecorators(node) ?? [])
    .map(({ expression }) => expression)
    .filter(ts.isCallExpression)
    .map((call) => ({ name: call.expression.getText(), args: call.arguments }));
}

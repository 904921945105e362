import type { ApiTypes, Schema, SocketMessage } from './api-types.js';
import { LICENSE, schemasFor, SECURITY_SCHEMES } from './components.js';

/** Properties of the server that the document of its sockets states. */
export interface DocumentedSockets {
  readonly title: string;
  readonly version: string;
  /** Host and port. */
  readonly host: string;
  readonly publicPath: string;
  readonly requiresToken: boolean;
}

const CHANNEL = '#/channels/socket';
const ABOUT =
  'The messages of Socket.IO 4, in the default namespace. The payload is the first argument of a message; what answers ' +
  'a message that the server receives is its acknowledgement, which a client need not ask for.';

/**
 * The AsyncAPI 3.0 document of the sockets, from the same types as their code.
 * @param schemas those of the OpenAPI document, which also say what the validators check
 */
export function buildSocketDocument(
  { sockets, schemas: declared }: ApiTypes,
  schemas: Readonly<Record<string, Schema>>,
  { title, version, host, publicPath, requiresToken }: DocumentedSockets,
): object {
  const messages = messagesOf(sockets);
  const security = requiresToken && { security: [{ $ref: '#/components/securitySchemes/token' }] };
  return {
    asyncapi: '3.0.0',
    info: {
      title: `${title}, sockets`,
      version,
      description: ABOUT,
      license: { name: LICENSE.name },
      tags: [{ name: 'Sockets', description: 'Sessions as they happen, and what is done to them.' }],
    },
    defaultContentType: 'application/json',
    servers: { socket: { host, pathname: `${publicPath}/socket.io`, protocol: 'ws', ...security } },
    channels: { socket: { address: '/', messages: refsTo(Object.keys(messages)) } },
    operations: {
      ...operationsOf(sockets.received, 'receive'),
      ...operationsOf(sockets.sent, 'send'),
    },
    components: {
      messages,
      schemas: withoutDiscriminators(schemasFor(messages, { ...declared, ...schemas })),
      securitySchemes: { token: SECURITY_SCHEMES.bearer },
    },
  };
}

function messagesOf({ received, sent }: ApiTypes['sockets']): Record<string, object> {
  const all = Object.entries({ ...received, ...sent }).flatMap(([name, { description, payload, answer }]) => [
    [name, { name, title: name, ...(description && { summary: description }), payload }] as const,
    ...(answer
      ? [[ackOf(name), { name: ackOf(name), title: `Acknowledgement of ${name}`, payload: answer }] as const]
      : []),
  ]);
  return Object.fromEntries(all);
}

function operationsOf(
  messages: Readonly<Record<string, SocketMessage>>,
  action: 'send' | 'receive',
): Record<string, object> {
  const channel = { $ref: CHANNEL };
  const operations = Object.entries(messages).map(([name, { description, answer }]) => {
    const reply = answer && { reply: { channel, messages: [refTo(ackOf(name))] } };
    return [
      name,
      { action, channel, ...(description && { description }), messages: [refTo(name)], ...reply },
    ];
  });
  return Object.fromEntries(operations) as Record<string, object>;
}

const ackOf = (message: string): string => `${message}-ack`;

const refTo = (message: string): object => ({ $ref: `${CHANNEL}/messages/${message}` });

function refsTo(messages: readonly string[]): object {
  return Object.fromEntries(messages.map((name) => [name, { $ref: `#/components/messages/${name}` }]));
}

/** AsyncAPI's own discriminator is another one: the name of a schema. What it told is in the schemas as well. */
function withoutDiscriminators<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutDiscriminators) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(
    ([key, inner]) =>
      key !== 'discriminator' || typeof inner !== 'object' || !('propertyName' in (inner as object)),
  );
  return Object.fromEntries(
    entries.map(([key, inner]) => [key, withoutDiscriminators(inner as unknown)]),
  ) as T;
}

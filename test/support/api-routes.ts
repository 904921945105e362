import type { TestServer } from './test-server.js';
import { type ApiDocument, type Operation, operationsOf } from './api-document.js';

const SAFE = new Set(['get', 'head', 'options']);

export async function apiDocument(app: Pick<TestServer, 'get'>): Promise<ApiDocument> {
  return (await app.get<ApiDocument>('/api/docs/openapi.json')).body;
}

/** Every route that may change something, as the API document lists them: a new one is not forgotten. */
export async function changingRoutes(app: Pick<TestServer, 'get'>): Promise<Operation[]> {
  return operationsOf(await apiDocument(app)).filter(({ method }) => !SAFE.has(method));
}

/** A body that every route understands: each takes the fields that it knows. */
export function anyBody(sessionId: string, path: string): Record<string, unknown> {
  return {
    sessionId,
    query: 'hi',
    name: 'changed',
    tags: ['changed'],
    metadata: { changed: true },
    messages: [{ role: 'user', content: 'hi' }],
    ...(path.endsWith('/model') && { model: { provider: 'openai-compatible', id: 'scripted' } }),
    runtimeSettings: {},
    upload: false,
  };
}

/** A path of the document with something in the place of each parameter. */
export function filled(path: string, value: string): string {
  return path.replace(/\{[^}]+\}/g, value);
}

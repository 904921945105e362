import { describe, expect, it } from '@jest/globals';
import { RouteScopes } from './route-scopes.js';

const routes = new RouteScopes('/Api');
routes.register([
  { method: 'POST', path: /^\/sessions\/create$/ },
  { method: 'POST', path: /^\/runs\/[^/]+\/retry$/ },
]);

describe('the scope that a request needs', () => {
  it.each([
    ['GET', '/'],
    ['HEAD', '/any/file.js'],
    ['OPTIONS', '/api/sessions'],
    ['GET', '/api/sessions'],
    ['GET', '/agent/options'],
    ['GET', '/api/agent'],
  ])('is read for %s %s', (method, path) => expect(routes.needed(method, path)).toBe('read'));

  it.each([
    ['POST', '/api/sessions/create'],
    ['POST', '/api/sessions/create/'],
    ['POST', '/API/Sessions/CREATE'],
    ['POST', '/api/v1/sessions/create'],
    ['POST', '/api/runs/AbC-1/retry'],
  ])('is query for %s %s', (method, path) => expect(routes.needed(method, path)).toBe('query'));

  it.each([
    ['GET', '/api/agent/options'],
    ['HEAD', '/api/agent/options'],
    ['GET', '/api/agent/options/'],
    ['GET', '/API/Agent/OPTIONS'],
    ['GET', '/api/v1/agent/options'],
    ['GET', '/api/V1/agent/options//'],
    ['PUT', '/api/sessions/create'],
    ['POST', '/api/sessions/create/x'],
    ['POST', '/api/sessions'],
    ['POST', '/sessions/create'],
    ['POST', '/apix/sessions/create'],
    ['POST', '/api/v1/v1/sessions/create'],
    ['POST', '/api/runs/a/b/retry'],
    ['POST', '/custom-endpoint'],
    ['DELETE', '/'],
    ['PROPFIND', '/api/sessions'],
    ['post', '/api/sessions/create'],
  ])('is admin for %s %s', (method, path) => expect(routes.needed(method, path)).toBe('admin'));

  it('is admin for everything that changes something before the routes are known', () => {
    expect(new RouteScopes('/api').needed('POST', '/api/sessions/create')).toBe('admin');
  });
});

describe('what is open', () => {
  it.each([
    ['GET', '/api/health', true],
    ['HEAD', '/api/ready', true],
    ['GET', '/api/v1/health', true],
    ['GET', '/api/health/', true],
    ['POST', '/api/health', false],
    ['GET', '/health', false],
    ['GET', '/api/healthy', false],
    ['GET', '/api/health/x', false],
    ['GET', '/api/version', false],
  ])('%s %s: %s', (method, path, open) => expect(routes.isOpen(method, path)).toBe(open));
});

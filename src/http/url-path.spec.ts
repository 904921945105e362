import { describe, expect, it } from '@jest/globals';
import { normalizePath, pathOf } from './url-path.js';

describe('the path of a request', () => {
  it.each([
    ['/a/b?c=/d#e', '/a/b'],
    ['/a#b?c', '/a'],
    ['http://host:1/a?b', '/a'],
    ['HTTP://user@host/a', '/a'],
    ['http://host', ''],
    ['//host/a', '//host/a'],
    ['*', '*'],
  ])('of the target %s is %s', (url, path) => expect(pathOf({ url })).toBe(path));

  it.each([
    ['/API/Sessions/', '/api/sessions'],
    ['/a//b//', '/a//b'],
    ['/', ''],
    ['', ''],
  ])('%j is compared as %j', (path, normal) => expect(normalizePath(path)).toBe(normal));

  it('is normalized at once, whatever slashes it holds', () => {
    const slashes = '/'.repeat(16_000);
    const start = performance.now();
    expect(normalizePath(`/api${slashes}x`)).toBe(`/api${slashes}x`);
    expect(normalizePath(`/api${slashes}`)).toBe('/api');
    expect(performance.now() - start).toBeLessThan(100);
  });
});

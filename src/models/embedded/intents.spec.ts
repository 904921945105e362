import { describe, expect, it } from '@jest/globals';
import { understand } from './intents.js';

describe('the embedded model', () => {
  it.each([
    ['list the files in src', { call: 'list_directory', args: { path: 'src' } }],
    ['read @file:README.md', { call: 'read_file', args: { path: 'README.md' } }],
    ['search for TODO', { call: 'search_files', args: { query: 'TODO' } }],
    ['what is 2 + 2?', { say: '2 + 2 = 4' }],
  ])('understands %j', (text, intent) => {
    expect(understand(text, [])).toEqual(intent);
  });

  it('looks for no request in what is longer than 300 characters: its patterns go back too often', () => {
    const before = process.cpuUsage();
    for (const text of [
      `read ${' '.repeat(500)}${'.'.repeat(490)}\nx`,
      `${'@file:'.repeat(5_000_000)}`,
      `read ${' '.repeat(150)}${'.'.repeat(140)}\nx`,
    ]) {
      expect(understand(text, [])).toEqual({ say: expect.stringContaining('only the built-in demo') });
    }
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(500);
  });
});

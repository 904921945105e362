import { describe, expect, it } from '@jest/globals';
import type { ConfigInput } from '../config/index.js';
import { quieted, type ServeFlags } from './options.js';

describe('--quiet', () => {
  it.each<[ConfigInput['logLevel'], ServeFlags, ConfigInput['logLevel']]>([
    ['info', { quiet: true }, 'warn'],
    ['debug', { quiet: true }, 'warn'],
    ['silent', { quiet: true }, 'silent'],
    [undefined, { quiet: true }, undefined],
    ['info', { quiet: true, logLevel: 'info' }, 'info'],
    ['debug', { quiet: true, debug: true }, 'debug'],
    ['info', {}, 'info'],
  ])('makes of the level %s with the flags %j the level %s', (configured, flags, level) => {
    const config = configured === undefined ? {} : { logLevel: configured };
    expect(quieted(config, flags).logLevel).toBe(level);
  });
});

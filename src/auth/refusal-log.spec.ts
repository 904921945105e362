import { afterEach, describe, expect, it } from '@jest/globals';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { RefusalLog } from './refusal-log.js';

describe('the log of refused tokens', () => {
  afterEach(() => void Logger.overrideLogger(false));

  it('has 20 lines a minute at most, and then says how many more there were', () => {
    const lines: unknown[] = [];
    class Kept extends ConsoleLogger {
      override log(message: unknown): void {
        lines.push(message);
      }
    }
    Logger.overrideLogger(new Kept());
    let now = 0;
    const log = new RefusalLog(() => now);
    for (let i = 0; i < 100; i++) log.refused('A wrong token', '192.0.2.1');
    expect(lines).toEqual(Array.from({ length: 20 }, () => 'A wrong token from 192.0.2.1 was refused'));
    now = 60_000;
    log.refused('A login link', '');
    expect(lines.slice(20)).toEqual([
      '80 more were refused in the minute before',
      'A login link from an unknown address was refused',
    ]);
  });
});

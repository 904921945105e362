import { ConsoleLogger, type LoggerService, type LogLevel as NestLevel } from '@nestjs/common';
import { maskSecrets, type Secret } from './common/secret.js';
import type { LogLevel } from './config/index.js';

const LEVELS: Readonly<Record<Exclude<LogLevel, 'silent'>, NestLevel[]>> = {
  error: ['fatal', 'error'],
  warn: ['fatal', 'error', 'warn'],
  info: ['fatal', 'error', 'warn', 'log'],
  debug: ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'],
};

/** Nest's logger at the given level, with secrets masked. */
export function logger(level: LogLevel, secrets: readonly Secret[]): LoggerService | false {
  return level === 'silent' ? false : new MaskingLogger(level, secrets);
}

class MaskingLogger extends ConsoleLogger {
  constructor(
    level: Exclude<LogLevel, 'silent'>,
    private readonly secrets: readonly Secret[],
  ) {
    super({ prefix: 'agent-tars', logLevels: LEVELS[level] });
  }

  protected override formatMessage(...parts: Parameters<ConsoleLogger['formatMessage']>): string {
    return maskSecrets(super.formatMessage(...parts), this.secrets);
  }

  protected override printStackTrace(stack: string): void {
    if (stack) super.printStackTrace(maskSecrets(stack, this.secrets));
  }
}

import { ConsoleLogger, type LoggerService, type LogLevel as NestLevel } from '@nestjs/common';
import { maskSecrets, type Secret } from './common/secret.js';
import type { LogLevel } from './config/index.js';

const LEVELS: Readonly<Record<Exclude<LogLevel, 'silent'>, NestLevel[]>> = {
  error: ['fatal', 'error'],
  warn: ['fatal', 'error', 'warn'],
  info: ['fatal', 'error', 'warn', 'log'],
  debug: ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'],
};

/** Nest's logger at the given level, on the standard error, with secrets masked. */
export function logger(level: LogLevel, secrets: readonly Secret[]): LoggerService | false {
  return level === 'silent' ? false : new MaskingLogger(level, secrets);
}

type Printed = Parameters<ConsoleLogger['printMessages']>;

class MaskingLogger extends ConsoleLogger {
  constructor(
    level: Exclude<LogLevel, 'silent'>,
    private readonly secrets: readonly Secret[],
  ) {
    const colors = Boolean(process.stderr.isTTY) && process.stderr.hasColors(); // a pipe has no isTTY
    super({ prefix: 'agent-tars', logLevels: LEVELS[level], colors });
  }

  /** Prints to the standard error, whatever the level: the standard output is for what was asked for. */
  protected override printMessages(...[messages, context, level, , ...more]: Printed): void {
    super.printMessages(messages, context, level, 'stderr', ...more);
  }

  protected override formatMessage(...parts: Parameters<ConsoleLogger['formatMessage']>): string {
    return maskSecrets(super.formatMessage(...parts), this.secrets);
  }

  protected override printStackTrace(stack: string): void {
    if (stack) super.printStackTrace(maskSecrets(stack, this.secrets));
  }
}

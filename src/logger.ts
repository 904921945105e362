import { ConsoleLogger, type LoggerService, type LogLevel as NestLevel } from '@nestjs/common';
import type { LogLevel } from './config/index.js';

const LEVELS: Readonly<Record<Exclude<LogLevel, 'silent'>, NestLevel[]>> = {
  error: ['fatal', 'error'],
  warn: ['fatal', 'error', 'warn'],
  info: ['fatal', 'error', 'warn', 'log'],
  debug: ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'],
};

/** Nest's logger at the level that was asked for. */
export function logger(level: LogLevel): LoggerService | false {
  return level === 'silent' ? false : new ConsoleLogger({ prefix: 'agent-tars', logLevels: LEVELS[level] });
}

import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { InvalidInput } from '../common/errors.js';
import { maskSecretsIn } from '../common/secret.js';
import { AppConfig } from '../config/index.js';

/** Characters of JSON: a list of sessions carries the settings of each. */
const MAX_SETTINGS = 100_000;

/** The server's schema of runtime settings, and the check of what clients send. */
@Injectable()
export class RuntimeSettings {
  private readonly rules: z.ZodType;

  constructor(private readonly config: AppConfig) {
    this.rules = z.fromJSONSchema(this.schema);
  }

  /** JSON Schema of what a client may set. */
  get schema(): Readonly<Record<string, unknown>> {
    return this.config.server.runtimeSettings.schema;
  }

  /** The settings as they are to be stored, without this server's secrets. @throws InvalidInput */
  checked(given: Record<string, unknown>): Record<string, unknown> {
    const settings = maskSecretsIn(given, this.config.secrets);
    if (JSON.stringify(settings).length > MAX_SETTINGS) {
      throw new InvalidInput(
        `The runtime settings are longer than ${MAX_SETTINGS} characters of JSON. Set fewer, or shorter ones.`,
      );
    }
    const parsed = this.rules.safeParse(settings);
    if (parsed.success) return parsed.data as Record<string, unknown>;
    throw new InvalidInput(
      `The runtime settings were refused: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}. GET /api/runtime-settings gives their schema.`,
    );
  }
}

import type { LimitRules } from '../http/limits.js';
import type { FileRules } from '../files/path-jail.js';
import type { Secret } from '../common/secret.js';
import type { Settings } from './config.schema.js';
import type { ModelSettings } from './model.schema.js';
import type { ServerSettings, SqliteDriverName } from './server.schema.js';

type Frozen<T> = T extends readonly unknown[]
  ? readonly Frozen<T[number]>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

/** A model that can be asked: what names it is known, and its key has been looked up. */
export type ModelConfig = Frozen<Omit<ModelSettings, 'provider' | 'id' | 'displayName' | 'apiKey'>> & {
  readonly provider: NonNullable<ModelSettings['provider']>;
  readonly id: string;
  readonly displayName: string;
  readonly apiKey?: Secret;
};

export type StorageConfig =
  | { readonly type: 'sqlite'; readonly path: string; readonly driver?: SqliteDriverName }
  | { readonly type: 'memory'; readonly driver?: SqliteDriverName };

export interface ServerConfig extends Frozen<Omit<ServerSettings, 'storage' | 'limits' | 'auth' | 'models'>> {
  readonly storage: StorageConfig;
  readonly limits: LimitRules;
  /** Tokens are asked for; `token` has every scope. */
  readonly auth?: { readonly token?: Secret };
}

/** The settings, and what follows from them and from where the server runs. */
export interface ConfigValues extends Frozen<Omit<Settings, 'server' | 'files' | 'model' | 'tools'>> {
  readonly server: ServerConfig;
  /** What of a workspace may be used, beside the server's own files and what it runs. */
  readonly files: FileRules;
  /** The default model, first, and those that a session may choose. */
  readonly models: readonly [ModelConfig, ...ModelConfig[]];
  readonly tools: readonly unknown[];
  /** The keys that were given and mean something to the published Agent TARS alone. */
  readonly ignored: readonly string[];
  /** Every secret of this configuration, to mask what others echo. */
  readonly secrets: readonly Secret[];
}

/** A class has no way to say that it has the properties of a type, but to extend one that does. */
const Values = class {
  constructor(values: object) {
    Object.assign(this, values);
  }
} as new (values: ConfigValues) => ConfigValues;

/** The one configuration that everything below gets: complete, checked and frozen. Its paths are absolute. */
export class AppConfig extends Values {}

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

/** A resolved model: provider, id and display name are known, and its key has been looked up. */
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
  /** Set when tokens are required; `token` has every scope. */
  readonly auth?: { readonly token?: Secret };
}

/** The settings, and the values derived from them and from the environment. */
export interface ConfigValues extends Frozen<Omit<Settings, 'server' | 'files' | 'model' | 'tools'>> {
  readonly server: ServerConfig;
  /** File access within a workspace; the server's own files and the code it runs are excluded. */
  readonly files: FileRules;
  /** The default model, then the others that a session may choose. */
  readonly models: readonly [ModelConfig, ...ModelConfig[]];
  readonly tools: readonly unknown[];
  /** Given keys that only the published Agent TARS uses. */
  readonly ignored: readonly string[];
  /** Every secret of this configuration, to be masked where a provider or a tool echoes it. */
  readonly secrets: readonly Secret[];
}

/** Base class with the properties of a type: a class can only get them by extending one. */
const Values = class {
  constructor(values: object) {
    Object.assign(this, values);
  }
} as new (values: ConfigValues) => ConfigValues;

/** The server's configuration: complete, checked and frozen, with absolute paths. */
export class AppConfig extends Values {}

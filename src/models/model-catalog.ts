import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { cutText } from '../common/text.js';
import { AppConfig, type ModelConfig } from '../config/index.js';
import type { Model } from './model.js';
import { createModel } from './providers.js';

export class UnknownModel extends DomainError {
  constructor(provider: string, id: string, known: readonly ModelConfig[]) {
    const list = known.map((model) => `${model.provider}/${model.id}`).join(', ');
    super(
      'UNKNOWN_MODEL',
      `This server has no model "${cutText(provider, 100)}/${cutText(id, 100)}". Choose one of: ${list}.`,
    );
  }
}

/** Public reference to a model, without its configuration, which holds a key. */
export interface ModelReference {
  readonly provider: string;
  readonly id: string;
  readonly displayName: string;
}

/** Model choice of a session; null for the server's default. */
export interface ModelChoice {
  readonly modelProvider: string | null;
  readonly modelId: string | null;
}

/** The models of this server, from which clients choose; clients cannot add models. */
@Injectable()
export class ModelCatalog {
  private readonly loaded = new Map<ModelConfig, Promise<Model>>();

  constructor(private readonly config: AppConfig) {}

  get all(): readonly ModelConfig[] {
    return this.config.models;
  }

  get default(): ModelConfig {
    return this.config.models[0];
  }

  /** @throws UnknownModel naming the known models */
  find(provider: string, id: string): ModelConfig {
    const found = this.all.find((model) => model.provider === provider && model.id === id);
    if (!found) throw new UnknownModel(provider, id, this.all);
    return found;
  }

  /** The model that a session's next run uses. @throws UnknownModel if that model is no longer configured */
  modelOf({ modelProvider, modelId }: ModelChoice): ModelConfig {
    if (modelProvider === null || modelId === null) return this.default;
    return this.find(modelProvider, modelId);
  }

  /** Reference to a session's model, even if that model is no longer configured. */
  referenceOf({ modelProvider, modelId }: ModelChoice): ModelReference {
    const provider = modelProvider ?? this.default.provider;
    const id = modelId ?? this.default.id;
    const model = this.all.find((each) => each.provider === provider && each.id === id);
    return { provider, id, displayName: model?.displayName ?? id };
  }

  load(model: ModelConfig): Promise<Model> {
    let loaded = this.loaded.get(model);
    if (!loaded) this.loaded.set(model, (loaded = createModel(model)));
    return loaded;
  }
}

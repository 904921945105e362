import { Injectable } from '@nestjs/common';
import { SummaryService } from '../agent/index.js';
import { maskSecrets } from '../common/secret.js';
import { AppConfig, type ModelConfig } from '../config/index.js';
import { ModelCatalog } from '../models/index.js';
import type { GenerateSummaryDto } from './dto/sessions.dto.js';
import { SessionsService } from './sessions.service.js';

/** Titles of sessions, written by a model. */
@Injectable()
export class SessionTitles {
  constructor(
    private readonly sessions: SessionsService,
    private readonly catalog: ModelCatalog,
    private readonly summaries: SummaryService,
    private readonly config: AppConfig,
  ) {}

  /** A title for a conversation, by the session's own model unless another is named. @throws SessionNotFound */
  async generate(dto: GenerateSummaryDto): Promise<string> {
    const session = await this.sessions.get(dto.sessionId);
    const model = this.named(dto) ?? this.catalog.modelOf(session);
    return maskSecrets(await this.summaries.titleOf(dto.messages, model), this.config.secrets);
  }

  /** The model that a request names by its id, its provider or both. @throws UnknownModel */
  private named({ model: id, provider }: GenerateSummaryDto): ModelConfig | undefined {
    if (id === undefined && provider === undefined) return undefined;
    const fits = (model: ModelConfig) =>
      (id ?? model.id) === model.id && (provider ?? model.provider) === model.provider;
    return this.catalog.all.find(fits) ?? this.catalog.find(provider ?? '*', id ?? '*');
  }
}

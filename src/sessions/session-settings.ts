import { Injectable } from '@nestjs/common';
import { ModelCatalog } from '../models/index.js';
import { type CurrentSettingsDto, toCurrentSettingsDto } from './current-settings.dto.js';
import type { ChooseModelDto, RuntimeSettingsDto } from './dto/sessions.dto.js';
import { RuntimeSettings } from './runtime-settings.js';
import type { SessionDto } from './session.dto.js';
import type { Session } from './session.entity.js';
import { SessionsRepository } from './sessions.repository.js';
import { SessionsService } from './sessions.service.js';

/** Choices of a client for the runs of one session: its model, and its runtime settings. */
@Injectable()
export class SessionSettings {
  constructor(
    private readonly sessions: SessionsService,
    private readonly repository: SessionsRepository,
    private readonly catalog: ModelCatalog,
    private readonly runtime: RuntimeSettings,
  ) {}

  /** Chooses the model of a session, for its next query on. @throws SessionNotFound, UnknownModel */
  async chooseModel({ sessionId, model }: ChooseModelDto): Promise<Session> {
    const { provider, id } = this.catalog.find(model.provider, model.id);
    return this.repository.update(sessionId, () => ({ modelProvider: provider, modelId: id }));
  }

  /**
   * Schema and values of a session's settings. An id that is no session's has the defaults: the published UI asks
   * with one before there is a session.
   */
  async runtimeSettings(sessionId: string | undefined): Promise<CurrentSettingsDto> {
    const session = sessionId === undefined ? null : await this.repository.find(sessionId);
    return toCurrentSettingsDto(this.runtime.schema, session?.runtimeSettings);
  }

  /** @throws SessionNotFound, or InvalidInput where the server's schema refuses the settings */
  async setRuntimeSettings(
    dto: RuntimeSettingsDto,
  ): Promise<{ session: SessionDto; runtimeSettings: Readonly<Record<string, unknown>> }> {
    const runtimeSettings = this.runtime.checked(dto.runtimeSettings);
    const session = await this.repository.update(dto.sessionId, () => ({ runtimeSettings }));
    return { session: this.sessions.toDto(session), runtimeSettings };
  }
}

import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { Fails } from '../http/fails.js';
import { type BuildInfo, buildInfo } from '../config/index.js';
import {
  type CurrentSettingsDto,
  RuntimeSettingsDto,
  type SessionDto,
  SessionSettings,
} from '../sessions/index.js';
import type { AgentSetupDto, ModelDto } from './dto/agent-setup.dto.js';
import { OptionalSessionDto } from './dto/system.dto.js';
import { SystemService } from './system.service.js';

/** The server itself: its health, version, models and settings. */
@Controller()
export class SystemController {
  constructor(
    private readonly system: SystemService,
    private readonly sessionSettings: SessionSettings,
  ) {}

  /** Whether the process answers. */
  @Get('health')
  health(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** Whether queries can run and the database can be written: 503 with the reason, and what to do, when not. */
  @Get('ready')
  @Fails('DRAINING', 'DATABASE_UNAVAILABLE')
  ready(): Promise<{ status: 'ready' }> {
    return this.system.ready();
  }

  /** Which build of the server this is. */
  @Get('version')
  version(): Promise<BuildInfo> {
    return buildInfo();
  }

  /** The models that a session may choose, the default one first. */
  @Get('models')
  models(): { models: ModelDto[] } {
    return { models: this.system.models() };
  }

  /** How the agent is set up, without any secret. */
  @Get('agent/options')
  async options(): Promise<{ options: AgentSetupDto }> {
    return { options: await this.system.agentOptions() };
  }

  /** Runtime settings of a session: their schema, and their values. */
  @Get('runtime-settings')
  @Fails('SESSION_NOT_FOUND', 'DATABASE_UNAVAILABLE')
  settings(@Query() { sessionId }: OptionalSessionDto): Promise<CurrentSettingsDto> {
    return this.sessionSettings.runtimeSettings(sessionId);
  }

  /** Changes the runtime settings of a session. */
  @Post('runtime-settings')
  @Fails('SESSION_NOT_FOUND', 'DATABASE_UNAVAILABLE')
  @HttpCode(200)
  setSettings(
    @Body() dto: RuntimeSettingsDto,
  ): Promise<{ session: SessionDto; runtimeSettings: Readonly<Record<string, unknown>> }> {
    return this.sessionSettings.setRuntimeSettings(dto);
  }
}

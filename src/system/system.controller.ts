import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
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
  settings(@Query() { sessionId }: OptionalSessionDto): Promise<CurrentSettingsDto> {
    return this.sessionSettings.runtimeSettings(sessionId);
  }

  /** Changes the runtime settings of a session. */
  @Post('runtime-settings')
  @HttpCode(200)
  setSettings(
    @Body() dto: RuntimeSettingsDto,
  ): Promise<{ session: SessionDto; runtimeSettings: Readonly<Record<string, unknown>> }> {
    return this.sessionSettings.setRuntimeSettings(dto);
  }
}

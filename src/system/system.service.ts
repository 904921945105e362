import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config/index.js';
import { ModelCatalog } from '../models/index.js';
import { QueryService } from '../query/index.js';
import { Draining } from '../runs/index.js';
import { ToolRegistry } from '../tools/index.js';
import { type AgentSetupDto, type ModelDto, toAgentSetupDto, toModelDto } from './dto/agent-setup.dto.js';
import { StorageProbe } from './storage-probe.js';

/** What the server says about itself. */
@Injectable()
export class SystemService {
  constructor(
    private readonly tools: ToolRegistry,
    private readonly catalog: ModelCatalog,
    private readonly queries: QueryService,
    private readonly storage: StorageProbe,
    private readonly config: AppConfig,
  ) {}

  /** @throws Draining, DatabaseUnavailable: no query can run */
  async ready(): Promise<{ status: 'ready' }> {
    if (this.queries.draining) throw new Draining('The server is about to stop and takes no new query.');
    await this.storage.requireWritable();
    return { status: 'ready' };
  }

  models(): ModelDto[] {
    return this.catalog.all.map(toModelDto);
  }

  async agentOptions(): Promise<AgentSetupDto> {
    const { infos } = await this.tools.snapshot();
    return toAgentSetupDto(this.config, this.catalog.default, infos);
  }
}

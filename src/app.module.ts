import { type DynamicModule, Global, Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { type Agent, AgentModule } from './agent/index.js';
import { Limits } from './common/limits.js';
import { AppConfig } from './config/index.js';
import { DatabaseModule } from './database/index.js';
import { EventsModule, StoredEvent } from './events/index.js';
import { GatewayModule } from './gateway/gateway.module.js';
import { QueryModule, Run } from './query/index.js';
import { Session, SessionsModule } from './sessions/index.js';
import { ShareModule } from './share/share.module.js';
import { SystemModule } from './system/system.module.js';
import { WorkspaceModule } from './workspace/index.js';
import { WebUiModule } from './web-ui/web-ui.module.js';

/** What extends the server from outside. */
export interface Extensions {
  /** Nest modules of one's own; they can inject what the server exports. */
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  /** What answers queries, instead of the tool loop. */
  readonly agent?: Type<Agent>;
}

/** What has routes and sockets of its own. */
export const FEATURES: readonly Type[] = [
  SessionsModule,
  WorkspaceModule,
  QueryModule,
  ShareModule,
  GatewayModule,
  SystemModule,
  WebUiModule,
];

@Global()
@Module({})
class ConfigModule {
  static of(config: AppConfig, limits: Limits): DynamicModule {
    return {
      module: ConfigModule,
      providers: [
        { provide: AppConfig, useValue: config },
        { provide: Limits, useValue: limits },
      ],
      exports: [AppConfig, Limits],
    };
  }
}

/** The features that make the server. */
@Module({})
export class AgentTarsModule {
  static register({
    config,
    limits = new Limits(config.server.limits),
    imports = [],
    agent,
  }: Extensions & { readonly config: AppConfig; readonly limits?: Limits }): DynamicModule {
    return {
      module: AgentTarsModule,
      imports: [
        ConfigModule.of(config, limits),
        DatabaseModule.forRoot([Session, Run, StoredEvent]),
        EventsModule,
        AgentModule.with(agent),
        ...FEATURES.filter((feature) => feature !== WebUiModule || config.webui.enabled),
        ...imports,
      ],
    };
  }
}

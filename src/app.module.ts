import { type DynamicModule, Global, Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { type Agent, AgentModule } from './agent/index.js';
import { Answers } from './http/answers.js';
import { Limits } from './http/limits.js';
import { AppConfig } from './config/index.js';
import { DatabaseModule, type DataLock } from './database/index.js';
import { DocsModule } from './docs/index.js';
import { EventsModule, StoredEvent } from './events/index.js';
import { GatewayModule } from './gateway/gateway.module.js';
import { ModelsModule } from './models/models.module.js';
import { QueryModule } from './query/index.js';
import { Run, RunsModule } from './runs/index.js';
import { Session, SessionsModule } from './sessions/index.js';
import { ShareModule } from './share/share.module.js';
import { SystemModule } from './system/system.module.js';
import { ToolsModule } from './tools/index.js';
import { WorkspaceModule } from './workspace/index.js';
import { WebUiModule } from './web-ui/web-ui.module.js';

/** Extensions of the server. */
export interface Extensions {
  /** Additional Nest modules, which can inject the server's exports. */
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  /** Agent that replaces the tool loop. */
  readonly agent?: Type<Agent>;
  /** Additional TypeORM entities. The extension makes their tables. */
  readonly entities?: readonly Type[];
}

/** Modules with routes and sockets. */
export const FEATURES: readonly Type[] = [
  SessionsModule,
  WorkspaceModule,
  QueryModule,
  ShareModule,
  GatewayModule,
  DocsModule,
  SystemModule,
  WebUiModule,
];

/** Options of {@link AppModule.with}. */
export interface Features extends Extensions {
  readonly config: AppConfig;
  /** Default: those of the configuration. */
  readonly limits?: Limits;
  /** Lock of the database. Default: the database's module takes it. */
  readonly lock?: DataLock;
  /** Whether the application is a host's: it must not connect the gateway. */
  readonly isHosted: boolean;
}

@Global()
@Module({})
class ConfigModule {
  static of({ config, limits }: Features): DynamicModule {
    return {
      module: ConfigModule,
      providers: [
        { provide: AppConfig, useValue: config },
        { provide: Limits, useFactory: () => limits ?? new Limits(config.server.limits) },
        {
          provide: Answers,
          useFactory: ({ rules }: Limits) => new Answers(rules.stalledReaderMs),
          inject: [Limits],
        },
      ],
      exports: [AppConfig, Limits, Answers],
    };
  }
}

/** The features that make the server. */
@Module({})
export class AppModule {
  static with(wanted: Features): DynamicModule {
    const { config, isHosted, imports = [], entities = [], agent } = wanted;
    const gateway = isHosted ? GatewayModule.unconnected() : GatewayModule.connected();
    const features = FEATURES.filter((feature) => feature !== WebUiModule || config.webui.enabled);
    return {
      module: AppModule,
      imports: [
        ConfigModule.of(wanted),
        DatabaseModule.forRoot([Session, Run, StoredEvent, ...entities], wanted.lock),
        EventsModule,
        ModelsModule,
        ToolsModule,
        AgentModule.with(agent),
        RunsModule.with([SessionsModule, WorkspaceModule]),
        ...features.map((feature) => (feature === GatewayModule ? gateway : feature)),
        ...imports,
      ],
    };
  }
}

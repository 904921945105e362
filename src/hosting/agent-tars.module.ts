import { type DynamicModule, Module } from '@nestjs/common';
import { AppModule, type Extensions } from '../app.module.js';
import { AppConfig, type ConfigInput, InvalidConfig, resolveConfig } from '../config/index.js';
import { QueryModule } from '../query/index.js';
import { SessionsModule } from '../sessions/index.js';
import { HostedDoorModule } from './hosted-door.module.js';

/** Options of {@link AgentTarsModule.register}. */
export interface Registration extends Extensions {
  /**
   * Configuration, as `new AgentTARSServer(config)` takes it. The host listens: `server.host` is the address of the
   * host.
   */
  readonly config: ConfigInput | AppConfig;
}

/**
 * The server's features in another Nest application, behind the same door as in `AgentTARSServer`. Exports can be
 * injected; the controllers of `imports` stand behind the door too.
 *
 * @example
 * \@Module({ imports: [AgentTarsModule.register({ config: { server: { auth: true } } })] })
 * class HostModule {}
 */
@Module({})
export class AgentTarsModule {
  /**
   * @throws InvalidConfig naming every bad value. An application that cannot be guarded does not start: its `init`
   * and `listen` reject with UnfitHost.
   */
  static register({ config: input, imports = [], agent }: Registration): DynamicModule {
    const config =
      input instanceof AppConfig ? input : resolveConfig(input, { cwd: process.cwd(), env: process.env });
    if (config.webui.enabled && config.webui.staticPath !== undefined) {
      throw new InvalidConfig([
        'webui.staticPath answers every path, and so cannot be used in another application: serve that directory there, or use AgentTARSServer.',
      ]);
    }
    const features = AppModule.with({ config, imports, ...(agent && { agent }), isHosted: true });
    return {
      module: AgentTarsModule,
      imports: [HostedDoorModule, features, SessionsModule, QueryModule],
      exports: [SessionsModule, QueryModule],
    };
  }
}

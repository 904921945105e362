import { type DynamicModule, Module } from '@nestjs/common';
import { Limits } from '../http/limits.js';
import { QueryModule, QueryService } from '../query/index.js';
import { SessionEvents, SessionsModule } from '../sessions/index.js';
import { SessionRooms } from './session-rooms.js';
import { SessionsGateway } from './sessions.gateway.js';

type Needs = ConstructorParameters<typeof SessionsGateway>;

@Module({ imports: [SessionsModule, QueryModule], providers: [SessionRooms] })
export class GatewayModule {
  /** The gateway, connected by the application that the module is in. */
  static connected(): DynamicModule {
    return { module: GatewayModule, providers: [SessionsGateway] };
  }

  /** The gateway, which somebody else's application does not take for one of its own: Nest connects classes only. */
  static unconnected(): DynamicModule {
    const gateway = {
      provide: SessionsGateway,
      useFactory: (...needs: Needs) => new SessionsGateway(...needs),
      inject: [QueryService, SessionEvents, SessionRooms, Limits],
    };
    return { module: GatewayModule, providers: [gateway] };
  }
}

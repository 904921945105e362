import { Module } from '@nestjs/common';
import { QueryModule } from '../query/index.js';
import { SessionsModule } from '../sessions/index.js';
import { SessionRooms } from './session-rooms.js';
import { SessionsGateway } from './sessions.gateway.js';

@Module({ imports: [SessionsModule, QueryModule], providers: [SessionRooms, SessionsGateway] })
export class GatewayModule {}

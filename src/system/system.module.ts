import { Module } from '@nestjs/common';
import { QueryModule } from '../query/index.js';
import { SessionsModule } from '../sessions/index.js';
import { SystemController } from './system.controller.js';
import { SystemService } from './system.service.js';

@Module({
  imports: [SessionsModule, QueryModule],
  controllers: [SystemController],
  providers: [SystemService],
})
export class SystemModule {}

import { Module } from '@nestjs/common';
import { QueryModule } from '../query/index.js';
import { SessionsModule } from '../sessions/index.js';
import { StorageProbe } from './storage-probe.js';
import { SystemController } from './system.controller.js';
import { SystemService } from './system.service.js';

@Module({
  imports: [SessionsModule, QueryModule],
  controllers: [SystemController],
  providers: [StorageProbe, SystemService],
})
export class SystemModule {}

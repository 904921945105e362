import { Module } from '@nestjs/common';
import { QueryModule } from '../query/index.js';
import { SessionsModule } from '../sessions/index.js';
import { DocsController } from '../docs/docs.controller.js';
import { DocsService } from '../docs/docs.service.js';
import { SystemController } from './system.controller.js';
import { SystemService } from './system.service.js';

@Module({
  imports: [SessionsModule, QueryModule],
  controllers: [SystemController, DocsController],
  providers: [SystemService, DocsService],
})
export class SystemModule {}

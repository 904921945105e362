import { Module } from '@nestjs/common';
import { RunPreparation } from '../runs/index.js';
import { SessionsModule } from '../sessions/index.js';
import { ReferencesService } from './references.service.js';
import { WorkspaceController } from './workspace.controller.js';
import { WorkspaceService } from './workspace.service.js';

@Module({
  imports: [SessionsModule],
  controllers: [WorkspaceController],
  providers: [
    WorkspaceService,
    ReferencesService,
    { provide: RunPreparation, useExisting: ReferencesService },
  ],
  exports: [RunPreparation],
})
export class WorkspaceModule {}

export { ReferencesService } from './references.service.js';
export { WorkspaceModule } from './workspace.module.js';

export { DocsModule } from './docs.module.js';
export { DocsService } from './docs.service.js';

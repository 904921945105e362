import { Global, Module } from '@nestjs/common';
import { ModelCatalog } from './model-catalog.js';

@Global()
@Module({ providers: [ModelCatalog], exports: [ModelCatalog] })
export class ModelsModule {}

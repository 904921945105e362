import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { AppConfig } from '../config/index.js';
import { BuiltInTools } from './builtin/index.js';
import { ConfiguredTools } from './configured-tools.js';
import { ProviderTools } from './provider-tools.js';
import { TOOL_SOURCES, ToolRegistry } from './tool-registry.js';
import type { ToolSource } from './tool-source.js';

@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    ProviderTools,
    ToolRegistry,
    {
      provide: TOOL_SOURCES,
      useFactory: (config: AppConfig, providers: ProviderTools): ToolSource[] => [
        new BuiltInTools(config.files),
        providers,
        new ConfiguredTools(config),
      ],
      inject: [AppConfig, ProviderTools],
    },
  ],
  exports: [ToolRegistry],
})
export class ToolsModule {}

import type { AppConfig } from '../config/index.js';
import type { AnyTool } from './tool.js';
import type { ToolSource } from './tool-source.js';

/** Tools of the configuration. */
export class ConfiguredTools implements ToolSource {
  readonly name = 'tools';

  constructor(private readonly config: AppConfig) {}

  list(): readonly AnyTool[] {
    return this.config.tools as readonly AnyTool[];
  }
}

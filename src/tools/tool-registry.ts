import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { ToolSource } from './tool-source.js';
import { ToolSet } from './tool-set.js';

/** The dependency-injection token of the list of {@link ToolSource}s, lowest first. */
export const TOOL_SOURCES = Symbol('TOOL_SOURCES');

/** Loads the tools of all sources, and gives each run a snapshot of them when it starts. */
@Injectable()
export class ToolRegistry implements OnApplicationBootstrap {
  private tools: Promise<ToolSet> | undefined;

  constructor(@Inject(TOOL_SOURCES) private readonly sources: readonly ToolSource[]) {}

  /** Loads the tools: an invalid one stops the start. @throws InvalidConfig */
  async onApplicationBootstrap(): Promise<void> {
    await this.snapshot();
  }

  /** Snapshot of the current tools; later changes do not affect it. */
  snapshot(): Promise<ToolSet> {
    return (this.tools ??= ToolSet.from(this.sources));
  }
}

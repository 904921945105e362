import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { type AnyTool, type ToolContext, toolOf } from './tool.js';
import type { ToolSource } from './tool-source.js';

/** Tools from methods of Nest providers with `@Tool()`, including those of extensions. */
@Injectable()
export class ProviderTools implements ToolSource {
  readonly name = '@Tool()';

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  list(): AnyTool[] {
    return this.discovery
      .getProviders()
      .map(({ instance }) => instance as unknown)
      .filter((instance) => typeof instance === 'object' && instance !== null)
      .flatMap((instance) => this.toolsOf(instance));
  }

  private toolsOf(provider: object): AnyTool[] {
    const prototype = Object.getPrototypeOf(provider) as object | null;
    if (!prototype) return [];
    return this.scanner.getAllMethodNames(prototype).flatMap((name) => {
      const method = (prototype as Record<string, unknown>)[name];
      const described = toolOf(method);
      if (!described || typeof method !== 'function') return [];
      const execute = (args: never, context: ToolContext) =>
        Promise.resolve(method.call(provider, args, context));
      return [{ ...described, name: described.name ?? name, execute }];
    });
  }
}

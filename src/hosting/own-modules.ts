import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import type { ModulesContainer, NestContainer } from '@nestjs/core';
import { AppModule, FEATURES } from '../app.module.js';

export type NestModule = ModulesContainer extends Map<string, infer M> ? M : never;

/** Entry of a module's `imports`. */
type Imported = Named | Promise<Named>;
type Named = Type | { readonly module: Type } | { forwardRef(): Named };

/**
 * Modules behind the features' door, by their keys: the features, and modules in the application only because {@link
 * AppModule} imports them. A module that the host imports as well stays the host's.
 */
export async function ownModules(container: NestContainer): Promise<Map<string, NestModule>> {
  const all = [...container.getModules().values()];
  const imports = await importsOf(container, all);
  const roots = all.filter(({ metatype }) => metatype === AppModule);
  const below = reach(imports, roots);
  const others = all.filter((module) => !below.has(module));
  const host = reach(imports, others, roots);
  const isOwn = (module: NestModule) =>
    FEATURES.includes(module.metatype) || (below.has(module) && !host.has(module));
  return new Map([...container.getModules()].filter(([, module]) => isOwn(module)));
}

/**
 * Hides the controllers of some modules while Nest mounts those of all modules.
 * @returns restores them
 */
export function hideControllers(modules: Iterable<NestModule>): () => void {
  const hidden = [...modules].map(({ controllers }) => ({ controllers, all: [...controllers] }));
  for (const { controllers } of hidden) controllers.clear();
  return () => {
    for (const { controllers, all } of hidden) for (const [key, each] of all) controllers.set(key, each);
  };
}

type Imports = ReadonlyMap<NestModule, readonly NestModule[]>;

/** All modules that `from` import, directly or not, and `from`; not through `closed`. */
function reach(
  imports: Imports,
  from: readonly NestModule[],
  closed: readonly NestModule[] = [],
): Set<NestModule> {
  const reached = new Set<NestModule>();
  const open = [...from];
  for (let module = open.pop(); module; module = open.pop()) {
    if (reached.has(module) || closed.includes(module)) continue;
    reached.add(module);
    open.push(...(imports.get(module) ?? []));
  }
  return reached;
}

/** Explicit imports of each module: Nest adds all global ones. */
async function importsOf(container: NestContainer, modules: readonly NestModule[]): Promise<Imports> {
  const entries = modules.map(async (module) => {
    const named = await namedBy(container, module);
    const imported = [...module.imports].filter(({ isGlobal, metatype }) => !isGlobal || named.has(metatype));
    return [module, imported] as const;
  });
  return new Map(await Promise.all(entries));
}

async function namedBy(container: NestContainer, { metatype, token }: NestModule): Promise<Set<Type>> {
  const fixed = (Reflect.getMetadata('imports', metatype) ?? []) as Imported[];
  const added = container.getDynamicMetadataByToken(token, 'imports') as Imported[];
  return new Set(await Promise.all([...fixed, ...added].map(classOf)));
}

async function classOf(imported: Imported): Promise<Type> {
  const named = await imported;
  if ('forwardRef' in named) return classOf(named.forwardRef());
  return 'module' in named ? named.module : named;
}

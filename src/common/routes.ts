import type { Request } from 'express';

/** What is known of an Express 5 router's layers (package `router`); its types do not describe them. */
interface Layer {
  match(path: string): boolean;
  readonly route?: { readonly methods: Readonly<Record<string, boolean>> };
}

/** The path that the client asked for, also where a router has taken its prefix off. */
export function pathOf(req: Request): string {
  return req.baseUrl + req.path;
}

/** The methods that do exist for the path of this request, other than its own. */
export function allowedMethods(req: Request): string[] {
  const { stack } = (req.app as unknown as { router: { stack: readonly Layer[] } }).router;
  const methods = new Set<string>();
  const path = pathOf(req);
  for (const layer of stack) {
    if (!layer.route || !matches(layer, path)) continue;
    for (const method of Object.keys(layer.route.methods)) methods.add(method.toUpperCase());
  }
  methods.delete(req.method);
  methods.delete('_ALL');
  return [...methods].sort();
}

function matches(layer: Layer, path: string): boolean {
  try {
    return layer.match(path);
  } catch {
    return false; // a path that cannot be decoded matches nothing
  }
}

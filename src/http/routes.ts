import type { Express, Request } from 'express';
import { METHODS } from 'node:http';

/** What is known of an Express 5 router's layers (package `router`); its types do not describe them. */
export interface Layer {
  match(path: string): boolean;
  readonly route?: {
    readonly path: string | RegExp | readonly (string | RegExp)[];
    readonly methods: Readonly<Record<string, boolean>>;
  };
}

/** The layers of an Express application, in their order. */
export function routeStack(app: Express | Request['app']): Layer[] {
  return routerOf(app).stack;
}

function routerOf(app: Express | Request['app']): { stack: Layer[] } {
  return (app as unknown as { router: { stack: Layer[] } }).router;
}

/**
 * The layers of an Express application that come before those of the server, in whatever order they are added.
 * Express looks at a layer only when it is pushed onto its list, so this is where each finds its place.
 */
export class LayersBefore {
  private place: number;

  /** All layers that the application has so far. */
  constructor(private readonly app: Express) {
    this.place = routeStack(app).length;
  }

  /** Has layers that are added from now on come before those of the server. Requests under way keep their list. */
  keep(): void {
    this.put(routeStack(this.app));
  }

  /** Removes the layers of the server. */
  removeOthers(): void {
    routerOf(this.app).stack = routeStack(this.app).slice(0, this.place);
  }

  private put(stack: Layer[]): void {
    stack.push = (...added) => {
      const all = stack.toSpliced(this.place, 0, ...added);
      this.place += added.length;
      this.put(all);
      return all.length;
    };
    routerOf(this.app).stack = stack;
  }
}

/** The methods that do exist for the path of this request, other than its own. */
export function allowedMethods(req: Request): string[] {
  const methods = new Set<string>();
  const path = req.baseUrl + req.path; // a router may have taken its prefix off
  for (const layer of routeStack(req.app)) {
    if (!layer.route || answersAll(layer.route) || !matches(layer, path)) continue;
    for (const method of Object.keys(layer.route.methods)) methods.add(method.toUpperCase());
  }
  if (methods.has('GET')) methods.add('HEAD'); // Express answers it by the route of GET
  methods.delete(req.method);
  return [...methods].sort();
}

/** A route for every method whatever it is: Nest's own for what is not found. */
function answersAll({ methods }: NonNullable<Layer['route']>): boolean {
  return '_all' in methods || METHODS.every((method) => methods[method.toLowerCase()]);
}

function matches(layer: Layer, path: string): boolean {
  try {
    return layer.match(path);
  } catch {
    return false; // a path that cannot be decoded matches nothing
  }
}

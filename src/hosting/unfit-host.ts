import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import { GATEWAY_METADATA, GATEWAY_OPTIONS, PORT_METADATA } from '@nestjs/websockets/constants.js';
import type { Express } from 'express';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { AppModule } from '../app.module.js';
import { type Layer, routeStack } from '../http/routes.js';
import { normalizePath } from '../http/url-path.js';
import { SessionsGateway } from '../gateway/sessions.gateway.js';
import type { NestModule } from './own-modules.js';
import { type OwnPaths, SOCKET_PATH } from '../http/own-paths.js';

/** Major versions of Nest that the hosted application relies on the internals of. */
const NEST_MAJORS: readonly string[] = ['11', '12'];
const installed = versionOf('@nestjs/core');

/** Version of a package whose entry lies beside its package.json, which not every Nest 12 exports. */
function versionOf(name: string): string {
  const entry = createRequire(import.meta.url).resolve(name);
  const manifest = readFileSync(join(dirname(entry), 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** `AgentTarsModule` cannot guard its doors in this application. The message says what to do. */
export class UnfitHost extends Error {
  override readonly name = 'UnfitHost';
}

/** Nest core and HTTP platform of an application. */
export interface Foundation {
  /** Whether the application gives its modules the classes of the Nest core that this package imports. */
  readonly sharesCore: boolean;
  /** The version of that core. */
  readonly core?: string;
  /** Type of the HTTP adapter. */
  readonly platform: string | undefined;
}

/** @throws UnfitHost */
export function requireFoundation({ sharesCore, core = installed, platform }: Foundation): void {
  if (!sharesCore) {
    throw new UnfitHost(
      `This application runs on another copy of @nestjs/core than @agent-tars/server, which has ${core}. Install that version, so that "npm ls @nestjs/core" shows one copy.`,
    );
  }
  if (!NEST_MAJORS.includes(core.split('.', 1)[0] ?? '')) {
    const majors = NEST_MAJORS.join(' or ');
    throw new UnfitHost(
      `AgentTarsModule needs Nest ${majors}, and @nestjs/core is ${core}. Install @nestjs/core@${NEST_MAJORS.at(-1)}, and the same version of Nest's other packages.`,
    );
  }
  if (platform !== 'express') {
    throw new UnfitHost(
      `AgentTarsModule needs the HTTP platform "express", and this application has "${platform ?? 'none'}". Create it with @nestjs/platform-express, or run AgentTARSServer beside it.`,
    );
  }
}

/** @throws UnfitHost where the features are in an application twice: they would mix */
export function requireOne(modules: Iterable<NestModule>): void {
  if ([...modules].filter(({ metatype }) => metatype === AppModule).length <= 1) return;
  throw new UnfitHost(
    'This application imports two AgentTarsModule.register(…). Register it once, import that same value everywhere, and use new AgentTARSServer(…) for each further server.',
  );
}

/**
 * Checks the gateways. The host's must have other paths than the own one; those of modules that only
 * `AgentTarsModule` imports would be connected by the host, without a guard.
 * @param path default path of a gateway of the host's adapter
 * @throws UnfitHost
 */
export function requireFreeSockets(
  all: Iterable<NestModule>,
  own: ReadonlyMap<string, NestModule>,
  paths: OwnPaths,
  path: string,
): void {
  for (const module of all) {
    for (const gateway of gatewaysOf(module)) {
      if (own.has(module.token)) throw new UnfitHost(unguarded(gateway));
      const options = (Reflect.getMetadata(GATEWAY_OPTIONS, gateway) ?? {}) as { path?: string };
      const isShared = !Reflect.getMetadata(PORT_METADATA, gateway);
      if (isShared && paths.cover(options.path ?? path)) throw new UnfitHost(inTheWay(gateway, paths));
    }
  }
}

function gatewaysOf({ providers }: NestModule): Type[] {
  const classes = [...providers.values()]
    .filter(({ isNotMetatype }) => !isNotMetatype)
    .map(({ metatype }) => metatype);
  return classes.filter(
    (each): each is Type =>
      typeof each === 'function' && each !== SessionsGateway && Reflect.hasMetadata(GATEWAY_METADATA, each),
  );
}

function unguarded({ name }: Type): string {
  return `${name} is in a module that only AgentTarsModule imports, and cannot be guarded in this application. Import that module in a module of the application instead, or use AgentTARSServer.`;
}

function inTheWay({ name }: Type, { basePath }: OwnPaths): string {
  return `${name} listens for sockets at ${SOCKET_PATH} or below ${basePath}, which AgentTarsModule serves. Give it a path of its own, such as @WebSocketGateway({ path: '/own.io' }).`;
}

/**
 * Checks the host's routes: none below the own paths would be reached.
 * @throws UnfitHost
 */
export function requireFreePaths(app: Express, paths: OwnPaths): void {
  for (const layer of routeStack(app)) {
    const route = layer.route && routePaths(layer).find((path) => paths.cover(literalOf(path)));
    if (route !== undefined) throw new UnfitHost(taken(`answers ${route} itself`, route, paths));
    const mount = layer.route ? undefined : paths.examples.find((path) => layer.match(path));
    if (mount !== undefined && !layer.match(ELSEWHERE)) {
      throw new UnfitHost(taken(`has middleware at ${mount}`, mount, paths));
    }
  }
}

/** Whether an application answers `/`, maybe by a route for every path. */
export function hasRoot(app: Express): boolean {
  return routeStack(app).some((layer) => layer.route && layer.match('/'));
}

/** Probe path: a layer that matches it matches all. */
const ELSEWHERE = '/nowhere/else';

function routePaths({ route }: Layer): string[] {
  return [route?.path ?? []].flat().filter((path) => typeof path === 'string');
}

/** The part before the first parameter, wildcard or optional part. */
function literalOf(path: string): string {
  return path.split(/[:*{]/, 1)[0] ?? '';
}

function taken(does: string, path: string, { basePath }: OwnPaths): string {
  const isBase = normalizePath(path).startsWith(normalizePath(basePath));
  const remedy = isBase
    ? 'Give AgentTarsModule another server.basePath, or move what is there.'
    : 'Move what is there.';
  return `This application ${does}, where requests go to AgentTarsModule. ${remedy}`;
}

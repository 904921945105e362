import type { LimitRules } from '../http/limits.js';
import { isLoopback } from './resolve-auth.js';
import { limitDefaults, limitsSchema, type ServerSettings } from './server.schema.js';

/** Limits of one client: the given ones, then the defaults for the server's address. */
export function resolveLimits({
  host,
  trustProxy,
  limits,
  maxBodyBytes,
}: Omit<ServerSettings, 'models'>): LimitRules {
  const isLoose = isLoopback(host) && !trustProxy;
  const defaults = Object.entries(limitsSchema.shape).map(([name, schema]) => {
    const { loose, strict } = limitDefaults.get(schema) ?? { loose: 0, strict: 0 };
    return [name, isLoose ? loose : strict];
  });
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  return {
    ...(Object.fromEntries(defaults) as unknown as LimitRules),
    ...(isLoose && { messageBytes: maxBodyBytes }), // queries arrive over HTTP and sockets alike
    ...Object.fromEntries(given),
  };
}

import type { LimitRules } from '../http/limits.js';
import { isLoopback } from './resolve-auth.js';
import { limitDefaults, limitsSchema, type ServerSettings } from './server.schema.js';

/** How much one client may have: what is given, and for the rest the default for where the server is reached. */
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
    ...(isLoose && { messageBytes: maxBodyBytes }), // a query comes by either door
    ...Object.fromEntries(given),
  };
}

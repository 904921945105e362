import type { ConfigInput } from './config.schema.js';
import { InvalidConfig } from './invalid-config.js';
import { namesVariable, shownVariable } from './resolve-secret.js';

/** The suffix that the providers' own variables have too. */
const KEY_VARIABLE = /_API_KEY$/;

/**
 * Checks a configuration that was found in the working directory, where a stranger may have put it: the file chooses
 * the host that its `apiKey`s are sent to, so they must not name just any variable of the user's environment.
 * @param file named in the message
 * @throws InvalidConfig with a line for each `apiKey` that names another variable than one for a key
 */
export function requireKeyVariables(config: ConfigInput, file: string): void {
  const problems = keysOf(config)
    .filter(({ given }) => namesVariable(given) && !KEY_VARIABLE.test(given))
    .map(
      ({ key, given }) =>
        `${key} in ${file} names the environment variable ${shownVariable(given)}, but a file that is found in the working directory may name only one that ends in _API_KEY: rename the variable, or name the file with --config.`,
    );
  if (problems.length > 0) throw new InvalidConfig(problems);
}

/** The `apiKey`s of a configuration not yet checked against the schema: any value may have any type. */
function keysOf({ model, server }: ConfigInput): { key: string; given: string }[] {
  const others: unknown = server?.models;
  const models: unknown[] = [model, ...(Array.isArray(others) ? (others as unknown[]) : [])];
  return models.flatMap((each, i) => {
    const given = (each as { apiKey?: unknown } | null | undefined)?.apiKey;
    const key = i === 0 ? 'model.apiKey' : `server.models.${i - 1}.apiKey`;
    return typeof given === 'string' ? [{ key, given }] : [];
  });
}

import { readFile } from 'node:fs/promises';

/** Version of this build. `buildTime` is ISO 8601; it and `gitHash` are empty if the build did not record them. */
export interface BuildInfo {
  readonly version: string;
  readonly buildTime: string;
  readonly gitHash: string;
}

let cached: Promise<BuildInfo> | undefined;

/** Reads `build-info.json`, and the version of the package. Cached. */
export function buildInfo(): Promise<BuildInfo> {
  return (cached ??= read());
}

async function read(): Promise<BuildInfo> {
  const { version } = await readJson<{ version: string }>(new URL('../../package.json', import.meta.url));
  const built = await readJson<Partial<BuildInfo>>(new URL('../build-info.json', import.meta.url)).catch(
    (): Partial<BuildInfo> => ({}), // run from sources, or built by `nest build` alone
  );
  return { version, buildTime: built.buildTime ?? '', gitHash: built.gitHash ?? '' };
}

async function readJson<T>(file: URL): Promise<T> {
  return JSON.parse(await readFile(file, 'utf8')) as T;
}

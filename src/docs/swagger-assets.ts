import { StreamableFile } from '@nestjs/common';
import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { RouteNotFound } from '../http/http.errors.js';

/** The files of Swagger UI that the page loads; no other file of the package is served. */
const TYPES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** @throws RouteNotFound for any other name */
export function openAsset(name: string): StreamableFile {
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (type === undefined) throw new RouteNotFound('The API documentation has no such file.');
  return new StreamableFile(createReadStream(join(directory(), name)), { type });
}

/** Directory of the Swagger UI that @nestjs/swagger depends on, resolved without loading either package. */
function directory(): string {
  const swagger = createRequire(import.meta.url).resolve('@nestjs/swagger');
  return dirname(createRequire(swagger).resolve('swagger-ui-dist/package.json'));
}

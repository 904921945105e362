import type { INestApplication } from '@nestjs/common';

/** placeholder */
export function serveDocs(_app: INestApplication, _basePath: string): void {}

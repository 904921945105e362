import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When a server that does not execute a run was asked to abort it: the run's own server ends it. */
export class AbortRequests1796020000000 implements MigrationInterface {
  readonly name = 'AbortRequests1796020000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "runs" ADD COLUMN "abortRequestedAt" bigint');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "runs" DROP COLUMN "abortRequestedAt"');
  }
}

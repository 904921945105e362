import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Index of the next run of all queues, which is found without sorting them. */
export class NextOfQueue1795900000000 implements MigrationInterface {
  readonly name = 'NextOfQueue1795900000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX "runs_next" ON "runs" ("priority" DESC, "no", "sessionId") WHERE "status" = 'queued'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX "runs_next"');
  }
}

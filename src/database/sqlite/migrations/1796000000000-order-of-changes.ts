import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Number of a session's last change, by which the sessions are ordered: the wall clock may step back. */
export class OrderOfChanges1796000000000 implements MigrationInterface {
  readonly name = 'OrderOfChanges1796000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "sessions" ADD COLUMN "changeNo" integer NOT NULL DEFAULT 0');
    await runner.query(
      `UPDATE "sessions" SET "changeNo" = "ordered"."no" FROM (
         SELECT "id", ROW_NUMBER() OVER (ORDER BY "updatedAt", "id") AS "no" FROM "sessions"
       ) AS "ordered" WHERE "ordered"."id" = "sessions"."id"`,
    );
    await runner.query('DROP INDEX "sessions_newest"');
    await runner.query('CREATE INDEX "sessions_last_changed" ON "sessions" ("changeNo", "id")');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX "sessions_last_changed"');
    await runner.query('ALTER TABLE "sessions" DROP COLUMN "changeNo"');
    await runner.query('CREATE INDEX "sessions_newest" ON "sessions" ("updatedAt", "id")');
  }
}

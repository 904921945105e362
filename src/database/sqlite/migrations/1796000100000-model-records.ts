import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Column for the parts of a message that its model is sent again: signed thoughts, the order of parts. It stands last,
 * so that reading an event for a client does not touch it.
 */
export class ModelRecords1796000100000 implements MigrationInterface {
  readonly name = 'ModelRecords1796000100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "events" ADD COLUMN "modelRecord" text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "events" DROP COLUMN "modelRecord"');
  }
}

import { type MigrationInterface, type QueryRunner, Table, TableIndex } from 'typeorm';

/** Idempotency keys of created sessions, with what was asked for. */
export class SessionKeys1796010000000 implements MigrationInterface {
  readonly name = 'SessionKeys1796010000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: 'session_keys',
        columns: [
          { name: 'key', type: 'text', isPrimary: true },
          { name: 'sessionId', type: 'text' },
          { name: 'request', type: 'text' },
          { name: 'createdAt', type: 'bigint' },
        ],
        foreignKeys: [
          {
            columnNames: ['sessionId'],
            referencedTableName: 'sessions',
            referencedColumnNames: ['id'],
            onDelete: 'CASCADE',
          },
        ],
        indices: [
          new TableIndex({ name: 'session_keys_of_session', columnNames: ['sessionId'] }),
          new TableIndex({ name: 'session_keys_oldest', columnNames: ['createdAt'] }),
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('session_keys');
  }
}

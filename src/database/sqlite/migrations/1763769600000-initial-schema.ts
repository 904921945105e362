import { type MigrationInterface, type QueryRunner, Table, TableIndex } from 'typeorm';

const text = (name: string) => ({ name, type: 'text' });
const optionalText = (name: string) => ({ name, type: 'text', isNullable: true });
const time = (name: string) => ({ name, type: 'bigint' });
const optionalTime = (name: string) => ({ name, type: 'bigint', isNullable: true });
const count = (name: string) => ({ name, type: 'integer', default: 0 });
const ofSession = {
  columnNames: ['sessionId'],
  referencedTableName: 'sessions',
  referencedColumnNames: ['id'],
  onDelete: 'CASCADE',
};

/** Sessions, their runs and their events. */
export class InitialSchema1763769600000 implements MigrationInterface {
  readonly name = 'InitialSchema1763769600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: 'sessions',
        columns: [
          { name: 'id', type: 'text', isPrimary: true },
          time('createdAt'),
          time('updatedAt'),
          text('name'),
          text('tags'),
          text('workspace'),
          text('metadata'),
          optionalText('modelProvider'),
          optionalText('modelId'),
          optionalText('agentOptions'),
          optionalText('runtimeSettings'),
          text('state'),
          count('inputTokens'),
          count('outputTokens'),
        ],
        indices: [new TableIndex({ name: 'sessions_newest', columnNames: ['updatedAt', 'id'] })],
      }),
    );
    await runner.createTable(
      new Table({
        name: 'runs',
        columns: [
          { name: 'no', type: 'integer', isPrimary: true }, // SQLite numbers it by itself
          { ...text('id'), isUnique: true },
          text('sessionId'),
          text('status'),
          count('priority'),
          optionalText('owner'),
          text('input'),
          optionalText('idempotencyKey'),
          time('createdAt'),
          optionalTime('startedAt'),
          optionalTime('endedAt'),
          optionalTime('progressAt'),
          optionalText('provider'),
          optionalText('model'),
          count('attempts'),
          count('iterations'),
          count('inputTokens'),
          count('outputTokens'),
          optionalText('errorCode'),
          optionalText('errorMessage'),
        ],
        foreignKeys: [ofSession],
        indices: [
          new TableIndex({ name: 'runs_of_session', columnNames: ['sessionId', 'no'] }),
          // The claim: the database itself lets one run at a time be under way in a session.
          new TableIndex({
            name: 'runs_one_running',
            columnNames: ['sessionId'],
            isUnique: true,
            where: `"status" = 'running'`,
          }),
          new TableIndex({
            name: 'runs_queued',
            columnNames: ['sessionId', 'priority', 'no'],
            where: `"status" = 'queued'`,
          }),
          new TableIndex({
            name: 'runs_idempotency',
            columnNames: ['sessionId', 'idempotencyKey', 'no'],
            where: '"idempotencyKey" IS NOT NULL',
          }),
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: 'events',
        columns: [
          { name: 'sessionId', type: 'text', isPrimary: true },
          { name: 'seq', type: 'integer', isPrimary: true },
          optionalText('runId'),
          text('type'),
          text('data'),
        ],
        foreignKeys: [ofSession],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['events', 'runs', 'sessions']) await runner.dropTable(table);
  }
}

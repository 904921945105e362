import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { z } from 'zod';
import { InvalidConfig, Tool, UnitOfWork } from '../../src/index.js';
import { TestServer } from '../support/test-server.js';

@Entity('extension_notes')
class Note {
  @PrimaryGeneratedColumn()
  id?: number;

  @Column('text')
  text: string;
}

/** What the tool needs: the server's unit of work, injected like any other dependency. */
@Injectable()
class Notebook implements OnModuleInit {
  constructor(private readonly work: UnitOfWork) {}

  async onModuleInit(): Promise<void> {
    await this.work.write((tx) =>
      tx.execute(
        'CREATE TABLE IF NOT EXISTS "extension_notes" ("id" INTEGER PRIMARY KEY, "text" TEXT NOT NULL)',
      ),
    );
  }

  @Tool({ description: 'Keeps a note.', parameters: z.object({ text: z.string() }) })
  async keep_note({ text }: { text: string }): Promise<string> {
    await this.work.write((tx) => tx.insert(Note, { text }));
    return 'kept';
  }

  @Tool({ name: 'list_notes', description: 'Lists the notes.', parameters: z.object({}) })
  async list(): Promise<string[]> {
    return (await this.work.read((db) => db.find(Note))).map(({ text }) => text);
  }
}

@Module({ providers: [Notebook] })
class NotebookModule {}

@Injectable()
class Nameless {
  @Tool({ name: 'no good', description: 'Has a name that no model takes.', parameters: z.object({}) })
  run(): string {
    return '';
  }
}

@Module({ providers: [Nameless] })
class NamelessModule {}

describe('tools of an extension', () => {
  let app: TestServer | undefined;

  afterEach(() => app?.stop());

  it('are methods of its providers, with their own dependencies and entities', async () => {
    app = await TestServer.start({ extensions: { imports: [NotebookModule], entities: [Note] } });
    app.model.next(
      (reply) => reply.toolCall('keep_note', { text: 'buy milk' }).end(),
      (reply) => reply.toolCall('list_notes', {}).end(),
      (reply) => reply.text('done').end(),
    );
    const id = await app.createSession();
    expect((await app.query(id)).body.result.content).toBe('done');
    const results = (await app.events(id)).filter(({ type }) => type === 'tool_result');
    expect(results).toMatchObject([
      { name: 'keep_note', content: 'kept' },
      { name: 'list_notes', content: ['buy milk'] },
    ]);
    const offered = app.model.lastRequest.body.tools?.map((tool) => tool.function.name);
    expect(offered).toEqual(expect.arrayContaining(['read_file', 'keep_note', 'list_notes']));
    const { body } = await app.get('/api/agent/options');
    expect(body.options.tools).toContainEqual({ name: 'keep_note', description: 'Keeps a note.' });
  });

  it('stop the start when one of them makes no sense', async () => {
    const starting = TestServer.start({ extensions: { imports: [NamelessModule] } });
    await expect(starting).rejects.toThrow(InvalidConfig);
    await expect(starting).rejects.toThrow('@Tool().0.name must be 1 to 64 letters');
  });
});

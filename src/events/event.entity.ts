import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One event of a session, as sent: `data` is the event's JSON text, so that a replay only copies it. */
@Entity('events')
export class StoredEvent {
  @PrimaryColumn('text')
  sessionId: string;

  @PrimaryColumn('integer')
  seq: number;

  @Column('text', { nullable: true })
  runId: string | null;

  @Column('text')
  type: string;

  @Column('text')
  data: string;

  /** For the model that wrote the message alone: no query for clients selects it. */
  @Column('text', { nullable: true, select: false })
  modelRecord: string | null;
}

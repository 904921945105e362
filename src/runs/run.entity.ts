import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

export const RUN_STATUSES = ['queued', 'running', 'completed', 'failed', 'aborted', 'interrupted'] as const;
/**
 * queued → running → completed, failed, aborted or interrupted; a queued run can be aborted before it starts.
 * No way leads back.
 */
export type RunStatus = (typeof RUN_STATUSES)[number];

// PostgreSQL gives bigint as text: times are numbers everywhere above the database.
const time = {
  from: (value: unknown) => (value === null ? null : Number(value)),
  to: (value: number | null) => value,
};

@Entity('runs')
export class Run {
  /** The order of acceptance. */
  @PrimaryGeneratedColumn()
  no: number;

  @Column('text', { unique: true })
  id: string;

  @Column('text')
  sessionId: string;

  @Column('text')
  status: RunStatus;

  /** 1 goes before 0 in the queue: a query that interrupts. */
  @Column('integer')
  priority: number;

  /** The process that runs it; only this one may write to it. */
  @Column('text', { nullable: true })
  owner: string | null;

  /** The query's content as JSON text. */
  @Column('text')
  input: string;

  @Column('text', { nullable: true })
  idempotencyKey: string | null;

  @Column('bigint', { transformer: time })
  createdAt: number;

  @Column('bigint', { nullable: true, transformer: time })
  startedAt: number | null;

  @Column('bigint', { nullable: true, transformer: time })
  endedAt: number | null;

  /** When it last wrote an event. */
  @Column('bigint', { nullable: true, transformer: time })
  progressAt: number | null;

  @Column('text', { nullable: true })
  provider: string | null;

  @Column('text', { nullable: true })
  model: string | null;

  @Column('integer')
  attempts: number;

  @Column('integer')
  iterations: number;

  @Column('integer')
  inputTokens: number;

  @Column('integer')
  outputTokens: number;

  @Column('text', { nullable: true })
  errorCode: string | null;

  @Column('text', { nullable: true })
  errorMessage: string | null;
}

export type OpenRun = Pick<
  Run,
  'id' | 'sessionId' | 'status' | 'owner' | 'createdAt' | 'startedAt' | 'progressAt'
>;

/** A run without what was asked, which may be long. */
export type StoredRun = Omit<Run, 'input'>;

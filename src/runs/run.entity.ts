import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

export const RUN_STATUSES = ['queued', 'running', 'completed', 'failed', 'aborted', 'interrupted'] as const;
/**
 * queued → running → completed, failed, aborted or interrupted; a queued run can also be aborted or fail. No
 * transition leads back.
 */
export type RunStatus = (typeof RUN_STATUSES)[number];

// PostgreSQL returns bigint as text: above the database, times are numbers.
const time = {
  from: (value: unknown) => (value === null ? null : Number(value)),
  to: (value: number | null) => value,
};

@Entity('runs')
export class Run {
  /** Order of acceptance. */
  @PrimaryGeneratedColumn()
  no: number;

  @Column('text', { unique: true })
  id: string;

  @Column('text')
  sessionId: string;

  @Column('text')
  status: RunStatus;

  /** 1 for an interrupting query, which goes before 0. */
  @Column('integer')
  priority: number;

  /** Owner id of the run's server, its only writer. */
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

  /** When the run last wrote an event. */
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

/** A run without its query's content, which may be long. */
export type StoredRun = Omit<Run, 'input'>;

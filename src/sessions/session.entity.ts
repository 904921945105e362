import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AgentOptions, SessionState } from '../runs/index.js';

// PostgreSQL gives bigint as text: times are numbers everywhere above the database.
const time = { from: Number, to: (value: number) => value };

@Entity('sessions')
export class Session {
  @PrimaryColumn('text')
  id: string;

  @Column('bigint', { transformer: time })
  createdAt: number;

  /** Never runs back, though the wall clock may; `changeNo`, a column beside it, orders the sessions. */
  @Column('bigint', { transformer: time })
  updatedAt: number;

  @Column('text')
  name: string;

  @Column('simple-json')
  tags: string[];

  @Column('text')
  workspace: string;

  /** What clients keep with the session, without the fields that are the server's. */
  @Column('simple-json')
  metadata: Record<string, unknown>;

  /** The model that was chosen for this session; null: the server's default. */
  @Column('text', { nullable: true })
  modelProvider: string | null;

  @Column('text', { nullable: true })
  modelId: string | null;

  @Column('simple-json', { nullable: true })
  agentOptions: AgentOptions | null;

  @Column('simple-json', { nullable: true })
  runtimeSettings: Record<string, unknown> | null;

  @Column('text')
  state: SessionState;

  @Column('integer')
  inputTokens: number;

  @Column('integer')
  outputTokens: number;
}

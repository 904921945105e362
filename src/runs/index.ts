export { ActiveRun, ActiveRuns, type RunActivity, type RunResult } from './active-runs.js';
export { Draining, RunLost, RunNotFound } from './run.errors.js';
export { type OpenRun, Run, type RunStatus, type StoredRun } from './run.entity.js';
export { RunEvents } from './run-events.js';
export { RunPreparation } from './run-preparation.js';
export { type Admission, RunScheduler } from './run-scheduler.js';
export {
  type AgentOptions,
  type RunSession,
  RunSessions,
  SessionNotFound,
  type SessionState,
} from './run-session.js';
export { type RunStep } from './run-steps.js';
export { RunsModule } from './runs.module.js';
export { RunsRepository } from './runs.repository.js';
export { type DetailedStatus, type QueuedRun, RunsService } from './runs.service.js';

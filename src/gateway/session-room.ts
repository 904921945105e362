import type { Subscription } from 'rxjs';
import type { Server, Socket } from 'socket.io';
import type { AgentEvent, EventBus } from '../events/index.js';
import { toSessionStatus } from '../sessions/index.js';

/**
 * The sockets that follow one session live. It listens to the bus once, and has each event encoded once,
 * however many sockets there are.
 */
export class SessionRoom {
  private readonly members = new Set<string>();
  private readonly subscription: Subscription;
  readonly name: string;
  /** How often `agent-status` has been sent to the room. */
  statusChanges = 0;

  constructor(
    private readonly server: Server,
    bus: EventBus,
    private readonly sessionId: string,
    private readonly onEmpty: () => void,
  ) {
    this.name = `session:${sessionId}`;
    this.subscription = bus.of(sessionId).subscribe({
      next: ({ event }) => this.emit(event),
      complete: () => this.close(),
    });
  }

  has(socket: Socket): boolean {
    return this.members.has(socket.id);
  }

  add(socket: Socket): void {
    this.members.add(socket.id);
    void socket.join(this.name);
  }

  remove(socket: Socket): void {
    if (!this.members.delete(socket.id)) return;
    void socket.leave(this.name);
    if (this.members.size === 0) this.close();
  }

  private emit(event: AgentEvent): void {
    const room = this.server.to(this.name);
    room.emit('agent-event', event);
    const state = stateAfter(event);
    if (!state) return;
    this.statusChanges += 1;
    room.emit('agent-status', { sessionId: this.sessionId, ...toSessionStatus(state) });
  }

  private close(): void {
    this.subscription.unsubscribe();
    this.server.in(this.name).socketsLeave(this.name);
    this.members.clear();
    this.onEmpty();
  }
}

/** The session's state that an event stands for: the state and the event are one commit. */
function stateAfter(event: AgentEvent): 'executing' | 'idle' | 'aborted' | 'error' | undefined {
  if (event.type === 'agent_run_start') return 'executing';
  if (event.type !== 'agent_run_end') return undefined;
  return event.status === 'aborted' || event.status === 'error' ? event.status : 'idle';
}

import type { Subscription } from 'rxjs';
import { type AgentEvent, agentStatus, type EventBus } from '../events/index.js';
import { toSessionStatus } from '../sessions/index.js';
import type { ClientNamespace, ClientSocket } from './client-socket.js';

/**
 * The sockets that follow one session live. It listens to the bus once, and has each event encoded once,
 * however many sockets there are.
 */
export class SessionRoom {
  /** By socket: the seq after which it has been sent everything. */
  private readonly members = new Map<string, number>();
  /** Sockets that were sent an event by their replay before the bus came to it: up to that seq they have all. */
  private readonly replayedUpTo = new Map<string, number>();
  /** Sockets that have not been sent a stored event yet: the first one says where they began. */
  private readonly awaitingFirstEvent = new Set<string>();
  private readonly subscription: Subscription;
  private readonly name: string;
  /** The seq of the newest event that a member was sent. */
  lastSeq = 0;
  /** How often `agent-status` has been sent to the room. */
  statusChanges = 0;

  constructor(
    private readonly namespace: ClientNamespace,
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

  /** The seq after which the socket has been sent everything; undefined when it is not in the room. */
  since(socket: ClientSocket): number | undefined {
    return this.members.get(socket.id);
  }

  /** Notes that the socket has been sent older events too: all those after `since`. */
  lowerCursor(socket: ClientSocket, since: number): void {
    if (this.members.has(socket.id)) this.members.set(socket.id, since);
  }

  /**
   * @param since the seq after which the socket has been sent everything
   * @param replayed whether it has been sent what lies between that and now
   */
  add(socket: ClientSocket, since: number, lastSeq: number, replayed: boolean): void {
    this.members.set(socket.id, since);
    if (replayed) this.replayedUpTo.set(socket.id, lastSeq);
    else this.awaitingFirstEvent.add(socket.id);
    this.lastSeq = Math.max(this.lastSeq, lastSeq);
    void socket.join(this.name);
  }

  remove(socket: ClientSocket): void {
    if (!this.members.delete(socket.id)) return;
    this.replayedUpTo.delete(socket.id);
    this.awaitingFirstEvent.delete(socket.id);
    void socket.leave(this.name);
    if (this.members.size === 0) this.close();
  }

  private emit(event: AgentEvent): void {
    const room = 'seq' in event ? this.withoutThoseAhead(event.seq) : this.namespace.to(this.name);
    room.emit('agent-event', event);
    const state = stateAfter(event);
    if (!state) return;
    this.statusChanges += 1;
    room.emit('agent-status', agentStatus(this.sessionId, toSessionStatus(state)));
  }

  private withoutThoseAhead(seq: number) {
    this.lastSeq = Math.max(this.lastSeq, seq);
    // What is stored can be read before it is told: then it is the first thing that a new member hears.
    for (const id of this.awaitingFirstEvent)
      this.members.set(id, Math.min(this.members.get(id) ?? seq, seq - 1));
    this.awaitingFirstEvent.clear();
    const room = this.namespace.to(this.name);
    if (this.replayedUpTo.size === 0) return room;
    const have = [...this.replayedUpTo].filter(([, lastSeq]) => lastSeq >= seq).map(([id]) => id);
    for (const [id, lastSeq] of this.replayedUpTo) if (lastSeq <= seq) this.replayedUpTo.delete(id);
    return have.length > 0 ? room.except(have) : room;
  }

  private close(): void {
    this.subscription.unsubscribe();
    this.namespace.in(this.name).socketsLeave(this.name);
    this.members.clear();
    this.replayedUpTo.clear();
    this.awaitingFirstEvent.clear();
    this.onEmpty();
  }
}

/** The session's state that an event stands for: the state and the event are one commit. */
function stateAfter(event: AgentEvent): 'executing' | 'idle' | 'aborted' | 'error' | undefined {
  if (event.type === 'agent_run_start') return 'executing';
  if (event.type !== 'agent_run_end') return undefined;
  return event.status === 'aborted' || event.status === 'error' ? event.status : 'idle';
}

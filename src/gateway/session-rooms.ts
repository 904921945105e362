import { Injectable } from '@nestjs/common';
import { finalize, type Observable, type Subscription, take, takeWhile } from 'rxjs';
import {
  type AgentEvent,
  EventBus,
  EventFeed,
  EventLog,
  type FeedItem,
  type ReplayEnd,
  replayEnd,
} from '../events/index.js';
import { drained } from './backpressure.js';
import type { ClientSocket } from './client-socket.js';
import { SessionRoom } from './session-room.js';

/**
 * Who follows which session. Every event reaches a socket once, however often it joins; a cursor brings what
 * it has not been sent yet. The caller sees to it that one socket's joins to a session come one by one.
 */
@Injectable()
export class SessionRooms {
  private readonly rooms = new Map<string, SessionRoom>();
  /** Sockets that are still being sent what they missed. */
  private readonly replays = new Map<string, Subscription>();

  constructor(
    private readonly bus: EventBus,
    private readonly log: EventLog,
    private readonly feed: EventFeed,
  ) {}

  /** Sends what was missed after the cursor, if there is one, then what comes. Resolves between the two. */
  async join(socket: ClientSocket, sessionId: string, after: number | undefined): Promise<void> {
    const since = this.rooms.get(sessionId)?.since(socket);
    if (since === undefined) await this.enter(socket, sessionId, after);
    else if (after !== undefined) await this.catchUp(socket, sessionId, after, since);
  }

  leave(socket: ClientSocket, sessionId: string): void {
    this.stopReplay(socket, sessionId);
    this.rooms.get(sessionId)?.remove(socket);
  }

  leaveAll(socket: ClientSocket): void {
    for (const key of [...this.replays.keys()]) if (key.startsWith(`${socket.id} `)) this.end(key);
    for (const room of [...this.rooms.values()]) room.remove(socket);
  }

  /** Ends a replay that is under way; what it had sent stays sent. */
  stopReplay(socket: ClientSocket, sessionId: string): void {
    this.end(keyOf(socket, sessionId));
  }

  /** How often the session's room has been told of a change of status; undefined without a room. */
  statusChanges(sessionId: string): number | undefined {
    return this.rooms.get(sessionId)?.statusChanges;
  }

  private async enter(socket: ClientSocket, sessionId: string, after: number | undefined): Promise<void> {
    const cursor = after ?? (await this.log.lastSeq(sessionId));
    const missed = this.feed
      .follow(sessionId, { after: cursor, ready: () => drained(socket) })
      .pipe(takeWhile(({ type }) => type !== 'replay_end', true));
    await this.replay(socket, sessionId, missed, (item) => {
      if (item.type !== 'replay_end' || after !== undefined) socket.emit('agent-event', toSent(item));
      // In the same tick, so that no event comes between the replay and the room.
      if (item.type !== 'replay_end') return;
      this.room(socket, sessionId).add(socket, cursor, item.lastSeq, after !== undefined);
    });
  }

  /** A socket that is in the room already has all after `since`: only what lies before that is missing. */
  private async catchUp(
    socket: ClientSocket,
    sessionId: string,
    after: number,
    since: number,
  ): Promise<void> {
    if (after < since) {
      const missed = this.feed
        .follow(sessionId, { after, ready: () => drained(socket) })
        .pipe(take(since - after));
      await this.replay(socket, sessionId, missed, (item) => void socket.emit('agent-event', toSent(item)));
    }
    const room = this.rooms.get(sessionId);
    if (room?.since(socket) === undefined) return; // it left meanwhile
    room.lowerCursor(socket, Math.min(after, since));
    socket.emit('agent-event', replayEnd(sessionId, room.lastSeq));
  }

  private replay(
    socket: ClientSocket,
    sessionId: string,
    items: Observable<FeedItem>,
    send: (item: FeedItem) => void,
  ): Promise<void> {
    const key = keyOf(socket, sessionId);
    return new Promise<void>((resolve, reject) => {
      if (socket.disconnected) return resolve();
      const whenDone = finalize<FeedItem>(() => {
        this.replays.delete(key);
        resolve();
      });
      const subscription = items.pipe(whenDone).subscribe({ next: send, error: reject });
      if (!subscription.closed) this.replays.set(key, subscription);
    });
  }

  private end(key: string): void {
    this.replays.get(key)?.unsubscribe();
    this.replays.delete(key);
  }

  private room(socket: ClientSocket, sessionId: string): SessionRoom {
    let room = this.rooms.get(sessionId);
    if (!room) {
      room = new SessionRoom(socket.nsp, this.bus, sessionId, () => this.rooms.delete(sessionId));
      this.rooms.set(sessionId, room);
    }
    return room;
  }
}

const keyOf = (socket: ClientSocket, sessionId: string): string => `${socket.id} ${sessionId}`;

const toSent = (item: FeedItem): AgentEvent | ReplayEnd => (item.type === 'replay_end' ? item : item.event);

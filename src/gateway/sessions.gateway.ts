import { Logger } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayDisconnect,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { finalize, type Subscription, takeWhile } from 'rxjs';
import type { Server, Socket } from 'socket.io';
import { DomainError, type ErrorBody, InvalidInput, toDomainError } from '../common/errors.js';
import { validationPipe } from '../common/validation.js';
import { type AgentEvent, EventBus, EventWatch, type Watched } from '../events/index.js';
import { AbortDto, QueryDto, QueryService } from '../query/index.js';
import { SessionStreams } from '../sessions/index.js';
import { JoinSessionDto, LeaveSessionDto } from './dto/messages.dto.js';
import { SessionRoom } from './session-room.js';

/** The acknowledgement of every message. */
type Ack = { readonly ok: true; readonly [key: string]: unknown } | ({ readonly ok: false } & ErrorBody);

/** The second adapter over the same events: it validates, calls a service, and passes on what comes. */
@WebSocketGateway()
export class SessionsGateway implements OnGatewayDisconnect {
  @WebSocketServer()
  private readonly server: Server;

  private readonly logger = new Logger(SessionsGateway.name);
  private readonly validation = validationPipe();
  private readonly rooms = new Map<string, SessionRoom>();
  /** Sockets that are still being sent what they missed. */
  private readonly joining = new Map<string, Subscription>();

  constructor(
    private readonly queries: QueryService,
    private readonly streams: SessionStreams,
    private readonly watch: EventWatch,
    private readonly bus: EventBus,
  ) {}

  @SubscribeMessage('join-session')
  join(@ConnectedSocket() socket: Socket, @MessageBody() message: unknown): Promise<Ack> {
    return this.answer(socket, async () => {
      const body = typeof message === 'string' ? { sessionId: message } : message;
      const { sessionId, after } = await this.check(body, JoinSessionDto);
      const cursor = await this.streams.cursor({ sessionId, ...(after !== undefined && { after }) });
      if (after === undefined) this.joinLive(socket, sessionId);
      else await this.joinAfter(socket, sessionId, cursor);
      await this.sendStatus(socket, sessionId);
      return {};
    });
  }

  @SubscribeMessage('leave-session')
  leave(@ConnectedSocket() socket: Socket, @MessageBody() message: unknown): Promise<Ack> {
    return this.answer(socket, async () => {
      const body = typeof message === 'string' ? { sessionId: message } : message;
      const { sessionId } = await this.check(body, LeaveSessionDto);
      this.stopJoining(socket, sessionId);
      this.rooms.get(sessionId)?.remove(socket);
      return {};
    });
  }

  @SubscribeMessage('send-query')
  send(@ConnectedSocket() socket: Socket, @MessageBody() message: unknown): Promise<Ack> {
    return this.answer(socket, async () => {
      const { runId, position } = await this.queries.start(await this.check(message, QueryDto));
      return { runId, ...(position !== undefined && { queued: true, position }) };
    });
  }

  @SubscribeMessage('abort-query')
  abort(@ConnectedSocket() socket: Socket, @MessageBody() message: unknown): Promise<Ack> {
    return this.answer(socket, async () => {
      const { sessionId, runId } = await this.check(message, AbortDto);
      const success = await this.queries.abort(sessionId, runId);
      socket.emit('abort-result', { sessionId, success });
      return { success };
    });
  }

  handleDisconnect(socket: Socket): void {
    for (const key of [...this.joining.keys()]) {
      if (key.startsWith(`${socket.id} `)) this.endJoining(key);
    }
    for (const room of [...this.rooms.values()]) room.remove(socket);
  }

  private joinLive(socket: Socket, sessionId: string): void {
    if (socket.disconnected) return;
    this.stopJoining(socket, sessionId);
    const room = this.room(sessionId);
    if (room.has(socket)) return;
    for (const { event } of this.bus.openMessage(sessionId)?.soFar() ?? []) socket.emit('agent-event', event);
    room.add(socket);
  }

  /** Sends what was missed, then lets the socket join the others at that very place. */
  private async joinAfter(socket: Socket, sessionId: string, after: number): Promise<void> {
    this.rooms.get(sessionId)?.remove(socket);
    this.stopJoining(socket, sessionId);
    const key = `${socket.id} ${sessionId}`;
    await new Promise<void>((resolve, reject) => {
      const missed = this.watch.watch(sessionId, { after }).pipe(
        takeWhile(({ kind }) => kind !== 'replay_end', true),
        finalize(() => {
          this.joining.delete(key);
          resolve();
        }),
      );
      const subscription = missed.subscribe({
        next: (item) => {
          socket.emit('agent-event', toSocketEvent(sessionId, item));
          // In the same tick, so that no event comes between the replay and the room.
          if (item.kind === 'replay_end' && !socket.disconnected) this.room(sessionId).add(socket);
        },
        error: reject,
      });
      if (!subscription.closed) this.joining.set(key, subscription);
    });
  }

  private async sendStatus(socket: Socket, sessionId: string): Promise<void> {
    const before = this.rooms.get(sessionId)?.statusChanges;
    const { status } = await this.queries.status(sessionId);
    // A change that came meanwhile has told the socket more than this answer knows.
    if (this.rooms.get(sessionId)?.statusChanges !== before) return;
    const { isProcessing, state } = status;
    socket.emit('agent-status', { sessionId, isProcessing, state });
  }

  private stopJoining(socket: Socket, sessionId: string): void {
    this.endJoining(`${socket.id} ${sessionId}`);
  }

  private endJoining(key: string): void {
    this.joining.get(key)?.unsubscribe();
    this.joining.delete(key);
  }

  private room(sessionId: string): SessionRoom {
    let room = this.rooms.get(sessionId);
    if (!room) {
      room = new SessionRoom(this.server, this.bus, sessionId, () => this.rooms.delete(sessionId));
      this.rooms.set(sessionId, room);
    }
    return room;
  }

  /** Global pipes do not reach gateways: every message is checked here. */
  private async check<T extends object>(message: unknown, metatype: new () => T): Promise<T> {
    if (typeof message !== 'object' || message === null || Array.isArray(message)) {
      throw new InvalidInput('The message must be one object, such as { sessionId: "…" }.');
    }
    return (await this.validation.transform(message, { type: 'body', metatype })) as T;
  }

  /** Runs a handler; an error is told in the acknowledgement and as an `error` message. */
  private async answer(socket: Socket, handle: () => Promise<Record<string, unknown>>): Promise<Ack> {
    try {
      return { ok: true, ...(await handle()) };
    } catch (thrown) {
      const error: DomainError = toDomainError(thrown);
      if (error.code === 'INTERNAL') this.logger.error(`A socket message failed: ${String(thrown)}`);
      socket.emit('error', error.message);
      return { ok: false, ...error.toBody() };
    }
  }
}

function toSocketEvent(sessionId: string, item: Watched): AgentEvent | object {
  switch (item.kind) {
    case 'stored':
      return JSON.parse(item.logged.data) as AgentEvent;
    case 'live':
      return item.published.event;
    case 'replay_end':
      return { type: 'replay_end', sessionId, lastSeq: item.lastSeq };
  }
}

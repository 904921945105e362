import {
  type BeforeApplicationShutdown,
  createParamDecorator,
  type ExecutionContext,
  Logger,
} from '@nestjs/common';
import {
  ConnectedSocket,
  type OnGatewayDisconnect,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from 'socket.io';
import { InvalidInput, toDomainError } from '../common/errors.js';
import { clientIdOf } from '../http/client-id.js';
import { type RefusedAck, refusedAck } from '../http/error-response.js';
import { Limits } from '../http/limits.js';
import { validationPipe } from '../http/validation.js';
import { agentStatus } from '../events/index.js';
import { AbortDto, QueryDto, QueryService } from '../query/index.js';
import { SessionEvents } from '../sessions/index.js';
import { JoinSessionDto, LeaveSessionDto } from './dto/messages.dto.js';
import { drained } from './backpressure.js';
import type { ClientSocket } from './client-socket.js';
import { SessionRooms } from './session-rooms.js';
import type { AbortAck, DoneAck, QueryAck } from './socket-messages.js';

/** How long a server that stops waits for sockets that have not taken all yet: they come back with their cursor. */
const FLUSH_TIMEOUT_MS = 1_000;

/** The message as it came: a global pipe that threw would do so where no acknowledgement can be given any more. */
const Message = createParamDecorator((_: unknown, context: ExecutionContext): unknown => {
  return context.switchToWs().getData<unknown>();
});

/** The second adapter over the same events: it validates, calls a service, and passes on what comes. */
@WebSocketGateway()
export class SessionsGateway implements OnGatewayDisconnect, BeforeApplicationShutdown {
  /** Undefined in an application without HTTP, which connects no gateway. */
  @WebSocketServer()
  private readonly server?: Server;
  private readonly logger = new Logger(SessionsGateway.name);
  private readonly validation = validationPipe();
  /** By socket and session: resolves when the message under way has been handled. */
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(
    private readonly queries: QueryService,
    private readonly events: SessionEvents,
    private readonly rooms: SessionRooms,
    private readonly limits: Limits,
  ) {}

  @SubscribeMessage('join-session')
  join(@ConnectedSocket() socket: ClientSocket, @Message() message: unknown): Promise<DoneAck | RefusedAck> {
    return this.answer(socket, message, async () => {
      const { sessionId, after } = await this.check(toObject(message), JoinSessionDto);
      await this.events.requireCursor(sessionId, after ?? 0);
      await this.rooms.join(socket, sessionId, after ?? undefined); // null: not given
      await this.sendStatus(socket, sessionId);
      return {};
    });
  }

  @SubscribeMessage('leave-session')
  leave(@ConnectedSocket() socket: ClientSocket, @Message() message: unknown): Promise<DoneAck | RefusedAck> {
    this.rooms.stopReplay(socket, sessionIn(message));
    return this.answer(socket, message, async () => {
      const { sessionId } = await this.check(toObject(message), LeaveSessionDto);
      this.rooms.leave(socket, sessionId);
      return {};
    });
  }

  @SubscribeMessage('send-query')
  send(@ConnectedSocket() socket: ClientSocket, @Message() message: unknown): Promise<QueryAck | RefusedAck> {
    return this.answer(socket, message, async () => {
      this.limits.takeRun(clientIdOf(socket.request));
      const { runId, position } = await this.queries.start(await this.check(message, QueryDto));
      return { runId, ...(position !== undefined && { queued: true as const, position }) };
    });
  }

  @SubscribeMessage('abort-query')
  abort(
    @ConnectedSocket() socket: ClientSocket,
    @Message() message: unknown,
  ): Promise<AbortAck | RefusedAck> {
    return this.answer(socket, message, async () => {
      const { sessionId, runId } = await this.check(message, AbortDto);
      const success = await this.queries.abort(sessionId, runId);
      socket.emit('abort-result', { sessionId, success });
      return { success };
    });
  }

  /** Once the last run has ended: what it said last is on its way when the connections are closed. */
  async beforeApplicationShutdown(): Promise<void> {
    const sockets = [...(this.server?.sockets.sockets.values() ?? [])];
    await Promise.race([
      Promise.all(sockets.map(drained)),
      sleep(FLUSH_TIMEOUT_MS, undefined, { ref: false }),
    ]);
  }

  handleDisconnect(socket: ClientSocket): void {
    this.rooms.leaveAll(socket);
  }

  private async sendStatus(socket: ClientSocket, sessionId: string): Promise<void> {
    const before = this.rooms.statusChanges(sessionId);
    const { status } = await this.queries.status(sessionId);
    // A change that came meanwhile has told the socket more than this answer knows.
    if (this.rooms.statusChanges(sessionId) !== before) return;
    socket.emit('agent-status', agentStatus(sessionId, status));
  }

  private async check<T extends object>(message: unknown, metatype: new () => T): Promise<T> {
    if (typeof message !== 'object' || message === null || Array.isArray(message)) {
      throw new InvalidInput('The message must be one object, such as { sessionId: "…" }.');
    }
    return (await this.validation.transform(message, { type: 'body', metatype })) as T;
  }

  /**
   * Runs a handler when those of the messages before it have run: who joins and then asks sees the answer
   * from its start. An error is told in the acknowledgement and as an `error` message.
   */
  private async answer<Told extends object>(
    socket: ClientSocket,
    message: unknown,
    handle: () => Promise<Told>,
  ): Promise<(DoneAck & Told) | RefusedAck> {
    try {
      this.limits.takeMessage(clientIdOf(socket.request));
      return { ok: true, ...(await this.inTurn(`${socket.id} ${sessionIn(message)}`, handle)) };
    } catch (thrown) {
      const error = toDomainError(thrown);
      if (error.code === 'INTERNAL') this.logger.error(`A socket message failed: ${String(thrown)}`);
      socket.emit('error', error.message);
      return refusedAck(error);
    }
  }

  private async inTurn<T>(key: string, handle: () => Promise<T>): Promise<T> {
    const before = this.turns.get(key) ?? Promise.resolve();
    const turn = before.then(handle);
    const settled = turn.catch(() => undefined); // its own caller is told
    this.turns.set(key, settled);
    try {
      return await turn;
    } finally {
      if (this.turns.get(key) === settled) this.turns.delete(key);
    }
  }
}

/** The id of the session may stand alone. */
function toObject(message: unknown): unknown {
  return typeof message === 'string' ? { sessionId: message } : message;
}

/** The session that a message is about; it has not been checked yet. */
function sessionIn(message: unknown): string {
  const id = (toObject(message) as { sessionId?: unknown } | null | undefined)?.sessionId;
  return typeof id === 'string' ? id : '';
}

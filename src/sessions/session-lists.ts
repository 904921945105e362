import { Injectable } from '@nestjs/common';
import type { Part } from '../http/answers.js';
import { nextTurn } from '../files/loop-turns.js';
import { InvalidInput } from '../common/errors.js';
import type { ListSessionsDto } from './dto/sessions.dto.js';
import { type Listed, type ListFilter, type Place, SessionsRepository } from './sessions.repository.js';
import { SessionsService } from './sessions.service.js';

/** Sessions that are read at once: about a megabyte at most. */
const PAGE = 64;

/** The sessions as they are read: all of them, or a page. */
@Injectable()
export class SessionLists {
  constructor(
    private readonly repository: SessionsRepository,
    private readonly sessions: SessionsService,
  ) {}

  /**
   * The JSON text of `{ sessions, nextCursor? }`, the last updated first.
   * @throws InvalidInput for a cursor that is none
   */
  async *list({ limit = Infinity, cursor, tag }: ListSessionsDto): AsyncGenerator<Part, void, void> {
    const filter: ListFilter = {
      ...(cursor !== undefined && { before: parseCursor(cursor) }),
      ...(tag !== undefined && { tag }),
    };
    const first = tag === undefined ? await this.repository.list(filter, Math.min(limit, PAGE) + 1) : [];
    yield '{"sessions":[';
    const isLong = tag !== undefined || (limit > PAGE && first.length > PAGE);
    const next = yield* isLong ? this.long(filter, limit) : this.short(first, limit);
    yield next === undefined ? ']}' : `],"nextCursor":"${toCursor(next)}"}`;
  }

  /** @returns the place of the last session, when there are more */
  private async *short(
    listed: readonly Listed[],
    limit: number,
  ): AsyncGenerator<Part, Place | undefined, void> {
    const page = listed.slice(0, limit);
    yield* this.textOf(page, true);
    const last = page.at(-1);
    return page.length < listed.length ? last : undefined;
  }

  /**
   * Which sessions there are, and in which order, is settled at the beginning: none that changes meanwhile, and moves
   * in the list by it, is left out or comes twice.
   */
  private async *long(filter: ListFilter, limit: number): AsyncGenerator<Part, Place | undefined, void> {
    const places = await this.places(filter, limit + 1);
    const page = places.slice(0, limit);
    let isFirst = true;
    for (let at = 0; at < page.length; at += PAGE) {
      const listed = await this.repository.listAll(page.slice(at, at + PAGE).map(({ id }) => id));
      isFirst = yield* this.textOf(listed, isFirst);
    }
    return page.length < places.length ? page.at(-1) : undefined;
  }

  /** Read in turns of the event loop; a session that was changed meanwhile stands where it came to. */
  private async places(filter: ListFilter, limit: number): Promise<Place[]> {
    const places = await this.placesFrom(filter, limit);
    const [newest] = places;
    if (filter.before || !newest) return places; // what moves leaves the rest of the list
    const moved = await this.placesFrom({ ...filter, after: newest }, limit);
    if (moved.length === 0) return places;
    const ids = new Set(moved.map(({ id }) => id));
    return [...moved, ...places.filter(({ id }) => !ids.has(id))].slice(0, limit);
  }

  private async placesFrom(filter: ListFilter, limit: number): Promise<Place[]> {
    const found: Place[] = [];
    for (let before = filter.before; found.length < limit;) {
      const { places, next } = await this.repository.places({ ...filter, before });
      found.push(...places);
      if (!next) break;
      before = next;
      await nextTurn();
    }
    return found.slice(0, limit);
  }

  /** @returns whether the next session is still the first one */
  private async *textOf(page: readonly Listed[], isFirst: boolean): AsyncGenerator<Part, boolean, void> {
    let text = '';
    for (const { id, session } of page) {
      if (!session && text !== '') {
        yield text;
        text = '';
      }
      const whole = session ?? (await this.repository.find(id));
      if (!whole) continue; // deleted meanwhile
      text += (isFirst ? '' : ',') + JSON.stringify(this.sessions.toDto(whole));
      isFirst = false;
    }
    yield text;
    return isFirst;
  }
}

const toCursor = ({ changeNo, id }: Place): string => Buffer.from(`${changeNo}:${id}`).toString('base64url');

function parseCursor(cursor: string): Place {
  const match = /^(\d+):(.+)$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (!match?.[1] || !match[2]) {
    throw new InvalidInput('cursor is not one of this server: take nextCursor of the page before.');
  }
  return { changeNo: Number(match[1]), id: match[2] };
}

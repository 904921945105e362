import { newId } from '../common/ids.js';
import { nextTurn } from '../files/loop-turns.js';
import { Secret, SecretMask } from '../common/secret.js';
import {
  decode,
  endWithin,
  EventPages,
  type EventRow,
  EventTexts,
  EventTruncator,
  maskEvent,
  type StoredAgentEvent,
  type TextSpan,
  type ToolCallEvent,
  type ToolResultEvent,
} from '../events/index.js';

/** The types of events that a page shows. */
export const SHOWN_TYPES: readonly StoredAgentEvent['type'][] = [
  'user_message',
  'environment_input',
  'assistant_thinking_message',
  'assistant_message',
  'tool_call',
  'tool_result',
  'system',
];

/** Events of up to so many bytes are read as a whole. */
const SHORT_BYTES = 262_144;
/** Beyond so many characters a text of a longer event is shown piece by piece. */
const LONG = 4_096;
/** Bytes of an event without its long texts. Where it has more, the event is shown as its frame shows it. */
const MAX_REST = 1_000_000;
const PIECE_BYTES = 65_536;
const STEP_BYTES = 1_000_000;
/** Bytes of a long text that are known without reading it. */
const HEAD = 300;
/** The field of a result that says whose it is comes before its content. */
const FIRST_FIELDS_BYTES = 8_192;

/** A long text of an event. In the event a mark stands for it. */
interface LongText extends TextSpan {
  readonly seq: number;
  /** Of the whole event. */
  readonly bytes: number;
  readonly head: string;
}

/** The events of a session for its page, with every secret masked. No long text is ever in memory as a whole. */
export class SharedEvents {
  private readonly name = newId();
  private readonly marks = new RegExp(`${this.name}-(\\d+)-(text|json);`, 'g');
  private readonly long: LongText[] = [];
  /** Results that were come across while another one was looked for, by their calls. */
  private readonly results = new Map<string, EventRow>();
  /** The seq up to which results have been come across. */
  private sought = 0;

  constructor(
    private readonly pages: EventPages,
    private readonly frames: EventTruncator,
    private readonly secrets: readonly Secret[],
    private readonly sessionId: string,
    private readonly upTo: number,
  ) {}

  /** All that a page shows, in order. Results come with their calls: {@link resultOf}. */
  async *all(): AsyncGenerator<StoredAgentEvent, void, void> {
    const types = SHOWN_TYPES.filter((type) => type !== 'tool_result');
    for await (const row of this.pages.rows(this.sessionId, { upTo: this.upTo, types })) yield this.read(row);
  }

  /** The first event of a type; undefined where there is none. */
  async first(type: StoredAgentEvent['type']): Promise<StoredAgentEvent | undefined> {
    const [row] = await this.pages.page(this.sessionId, { upTo: this.upTo, types: [type] }, 1);
    return row && this.read(row);
  }

  /** The result of a tool call; undefined when it never ended. */
  async resultOf({ toolCallId, runId, seq }: ToolCallEvent): Promise<ToolResultEvent | undefined> {
    const range = { after: Math.max(seq, this.sought), upTo: this.upTo, types: ['tool_result'], runId };
    if (!this.results.has(toolCallId)) {
      for await (const row of this.pages.rows(this.sessionId, range)) {
        this.sought = row.seq;
        const call = await this.callOf(row);
        if (call !== undefined) this.results.set(call, row);
        if (call === toolCallId) break;
      }
    }
    const row = this.results.get(toolCallId);
    this.results.delete(toolCallId);
    return row && ((await this.read(row)) as ToolResultEvent);
  }

  /** The text as far as it is at hand: of long ones their heads. */
  headOf(text: string): string {
    return text.replace(this.marks, (_mark, index: string) => this.long[Number(index)]?.head ?? '');
  }

  /** JSON text that was made of an event: the long texts in it are to be shown as JSON, too. */
  inJson(json: string): string {
    return json.replace(this.marks, (_mark, index: string) => `${this.name}-${index}-json;`);
  }

  /**
   * A text of an event in pieces, with the long texts that marks stand for.
   * @param show makes of a piece of a long text what stands in the page
   */
  async *pieces(text: string, show: (piece: string) => string): AsyncGenerator<string, void, void> {
    let at = 0;
    for (const mark of text.matchAll(this.marks)) {
      yield text.slice(at, mark.index);
      at = mark.index + mark[0].length;
      const long = this.long[Number(mark[1])];
      if (!long) continue;
      for await (const piece of this.piecesOf(long, mark[2] === 'json')) yield show(piece);
    }
    yield text.slice(at);
  }

  private async *piecesOf(text: LongText, asJson: boolean): AsyncGenerator<string, void, void> {
    const mask = new SecretMask(asJson ? this.secrets.map(inJson) : this.secrets);
    let rest = Buffer.alloc(0);
    for await (const slice of this.pages.slices(this.sessionId, text, text)) {
      const json = Buffer.concat([rest, slice]);
      let at = 0;
      for (let stop: number; (stop = endWithin(json, at, json.length, PIECE_BYTES)) > at; at = stop) {
        yield mask.push(asJson ? json.toString('utf8', at, stop) : decode(json, at, stop));
        await nextTurn();
      }
      rest = json.subarray(at);
    }
    yield mask.end();
  }

  private async read(row: EventRow): Promise<StoredAgentEvent> {
    const json = row.data ?? (await this.readLarge(row)) ?? (await this.frames.of(this.sessionId, row));
    return maskEvent(JSON.parse(json) as StoredAgentEvent, this.secrets);
  }

  /** @returns undefined when the event consists of very many short texts */
  private readLarge(row: EventRow): Promise<string | undefined> {
    if (row.bytes <= SHORT_BYTES) return this.pages.text(this.sessionId, row.seq);
    return this.pages.withWhole(this.sessionId, row.seq, async (json) => {
      const texts = new EventTexts(json, LONG);
      while (!texts.read(STEP_BYTES)) await nextTurn();
      const rest = texts.long.reduce((bytes, { start, end }) => bytes - (end - start), row.bytes);
      return rest <= MAX_REST ? this.withMarks(json, row, texts.long) : undefined;
    });
  }

  private withMarks(json: Buffer, { seq, bytes }: EventRow, long: readonly TextSpan[]): string {
    const parts: string[] = [];
    let at = 0;
    for (const text of long) {
      parts.push(json.toString('utf8', at, text.start), `${this.name}-${this.long.length}-text;`);
      this.long.push({ ...text, seq, bytes, head: this.headIn(json, text) });
      at = text.end;
    }
    return parts.join('') + json.toString('utf8', at);
  }

  private headIn(json: Buffer, { start, end }: TextSpan): string {
    const head = decode(json, start, endWithin(json, start, end, HEAD));
    return new SecretMask(this.secrets).push(head); // a secret that goes on behind it is held back
  }

  private async callOf(row: EventRow): Promise<string | undefined> {
    let head = row.data ?? '';
    if (row.data === null) {
      const range = { start: 0, end: Math.min(row.bytes, FIRST_FIELDS_BYTES) };
      for await (const slice of this.pages.slices(this.sessionId, row, range)) head += slice.toString();
    }
    const id = /"toolCallId":("(?:[^"\\]|\\.)*")/.exec(head)?.[1];
    return id === undefined ? undefined : (JSON.parse(id) as string);
  }
}

/** The secret as it stands in JSON. */
const inJson = (secret: Secret): Secret => new Secret(JSON.stringify(secret.reveal()).slice(1, -1));

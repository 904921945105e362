import type { AnyEvent } from './client.js';
import { Rng, seedOf } from './rng.js';
import { Gate, lastUserText, type ModelRequest, type Script } from './model-stub.js';
import { ReceivedEvents } from './received-events.js';

/** One answer of the model, of those that a query takes. */
interface Step {
  readonly thinking: readonly string[];
  readonly text: readonly string[];
  readonly calls: readonly (readonly [name: string, args: object])[];
}

const CALLS = [
  ['list_directory', {}],
  ['read_file', { path: 'note.txt' }],
  ['read_file', { path: 'missing.txt' }],
  ['no_such_tool', { why: 'to see what happens' }],
] as const;

/** A query that ends with these words is not answered to its end: it must be interrupted. */
export const TO_BE_INTERRUPTED = 'to be interrupted';

/** What the model says to a query: always the same, for the same seed. */
function stepsFor(query: string): Step[] {
  const rng = new Rng(seedOf(query));
  const words = (most: number) => Array.from({ length: rng.below(most) }, (_, i) => ` wörd ${i} 👋`);
  const steps = Array.from({ length: rng.below(3) }, () => ({
    thinking: words(8),
    text: words(8),
    calls: Array.from({ length: rng.between(1, 2) }, () => rng.pick(CALLS)),
  }));
  return [...steps, { thinking: words(12), text: ['The', ' answer', ' is', ...words(60)], calls: [] }];
}

function stepAskedFor(request: ModelRequest): Step {
  const { messages } = request.body;
  const query = messages.findLastIndex(({ role }) => role === 'user');
  const answers = messages.slice(query).filter(({ role }) => role === 'assistant').length;
  return stepsFor(lastUserText(request))[answers] as Step;
}

/** A client that stays: it sets the pace of the model, and knows what has happened. */
export class Witness {
  readonly received = new ReceivedEvents();
  readonly events: AnyEvent[] = [];
  private readonly waiting = new Set<() => void>();

  take(event: AnyEvent): void {
    this.events.push(event);
    this.received.take(event);
    for (const check of [...this.waiting]) check();
  }

  /** Resolves when it holds, now or after an event to come. */
  async when(holds: () => boolean): Promise<void> {
    if (holds()) return;
    await new Promise<void>((resolve) => {
      const check = () => {
        if (!holds()) return;
        this.waiting.delete(check);
        resolve();
      };
      this.waiting.add(check);
    });
  }

  /** Resolves when that run has ended. */
  async ended(runId: unknown): Promise<void> {
    await this.when(() =>
      this.events.some((event) => event.type === 'agent_run_end' && event['runId'] === runId),
    );
  }

  /** Where the session is: before its first run, during one, or after one. */
  get moment(): 'before' | 'during' | 'after' {
    const last = this.events.findLast(({ seq }) => seq !== undefined);
    if (!last) return 'before';
    return last.type === 'agent_run_end' ? 'after' : 'during';
  }
}

/** One session: what is asked in it, and what those who follow it have seen. */
export class Scenario {
  readonly witness = new Witness();
  /** Opened when every run has ended. */
  readonly over = new Gate();
  /** What those who follow the session have. */
  readonly followers: ReceivedEvents[] = [];
  /** What those have who followed one run. */
  readonly readers: { readonly runId: string; readonly received: ReceivedEvents }[] = [];
  /** How the run of each query must end. */
  readonly endings = new Map<string, 'completed' | 'aborted'>();

  /** @param name one word; every query of the session begins with it */
  constructor(
    readonly name: string,
    readonly sessionId: string,
  ) {}

  rngOf(who: string): Rng {
    return new Rng(seedOf(`${this.name} ${who}`));
  }

  /**
   * When somebody who was cut off comes back: at once, some events later, or when a run has ended. Who asks does
   * not wait for what only he can bring about.
   */
  async aMomentLater(rng: Rng, asks = false): Promise<void> {
    const { witness, over } = this;
    const { length } = witness.events;
    const chance = rng.below(10);
    if (chance < 4) return;
    const enough = length + rng.between(1, 25);
    const isLater = () =>
      (asks && witness.moment === 'after') ||
      (chance < 8
        ? witness.events.length >= enough
        : witness.events.slice(length).some(({ type }) => type === 'agent_run_end'));
    await Promise.race([witness.when(isLater), over.opened]);
  }

  /** Each token waits until the witness has the one before, but for bursts: no clock sets the pace. */
  readonly answer: Script = async (reply, request) => {
    const { witness } = this;
    const { thinking, text, calls } = stepAskedFor(request);
    const rng = new Rng(seedOf([...thinking, ...text].join('')));
    let burst = 0;
    const send = async (token: () => void) => {
      const seen = witness.events.length;
      token();
      if (burst-- > 0) return;
      burst = rng.chance(0.1) ? rng.between(2, 8) : 0;
      await Promise.race([witness.when(() => witness.events.length > seen), request.closed]);
    };
    for (const token of thinking) await send(() => reply.thinking(token));
    for (const [i, token] of text.entries()) {
      if (i === 2 && lastUserText(request).endsWith(TO_BE_INTERRUPTED)) await request.closed;
      await send(() => reply.text(token));
    }
    for (const [name, args] of calls) reply.toolCall(name, args);
    reply.end();
  };
}

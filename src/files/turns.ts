import { monotonicMs } from '../common/clock.js';
import { nextTurn } from './loop-turns.js';

/** Time after which long work yields to the event loop, in milliseconds. */
const MAX_TURN_MS = 8;

/**
 * Divides long work among turns of the event loop: check {@link isOver} in the work's innermost loop, and await
 * {@link next} if true. Of all such work, one piece runs per turn: many pieces of work block the event loop no longer
 * than one does.
 */
export class Turns {
  private began = monotonicMs();

  get isOver(): boolean {
    return monotonicMs() - this.began >= MAX_TURN_MS;
  }

  /** Resolves in a later turn of the event loop that no other work has. */
  async next(): Promise<void> {
    await nextTurn();
    this.began = monotonicMs();
  }
}

const RUN = 64;

/** Sorts as `Array.prototype.sort` does (stable), in turns. @returns a new list */
export async function sortInTurns<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
  turns: Turns,
): Promise<T[]> {
  let runs: T[][] = [];
  for (let i = 0; i < items.length; i += RUN) {
    if (turns.isOver) await turns.next();
    runs.push(items.slice(i, i + RUN).sort(compare));
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      merged.push(await merge(runs[i] ?? [], runs[i + 1] ?? [], compare, turns));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
  turns: Turns,
): Promise<T[]> {
  const merged: T[] = [];
  let [l, r] = [0, 0];
  while (l < left.length && r < right.length) {
    if (turns.isOver) await turns.next();
    const [a, b] = [left[l] as T, right[r] as T];
    const isLeft = compare(a, b) <= 0;
    merged.push(isLeft ? a : b);
    if (isLeft) l += 1;
    else r += 1;
  }
  return merged.concat(left.slice(l), right.slice(r));
}

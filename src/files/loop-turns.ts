const waiting: (() => void)[] = [];

/**
 * Resolves in the caller's own turn of the event loop: of all callers in the process, one continues per turn, in the
 * order of their calls. Work cut into pieces of some milliseconds, with a call between them, delays the event loop by
 * no more than one piece, however many callers there are.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(giveTurn);
  });
}

function giveTurn(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(giveTurn);
}

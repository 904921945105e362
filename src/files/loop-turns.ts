const waiting: (() => void)[] = [];

/**
 * Resolves in a turn of the event loop that is the caller's alone: of all who call this in the process, one goes on
 * in each turn, in the order of their calls. Work that is cut into pieces of some milliseconds, with a call between
 * them, never keeps anybody else waiting for longer than one piece, however many do such work.
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

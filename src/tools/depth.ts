/** Levels of objects and lists in arguments and results: what recurses into a deeper value runs out of stack. */
export const MAX_JSON_DEPTH = 200;

/** Whether objects and lists stand in each other more than `levels` deep. Goes level by level, for it must not recurse. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  let level = childrenOf([value]);
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > levels) return true;
    level = level.flatMap(childrenOf);
  }
  return false;
}

function childrenOf(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).filter((child) => typeof child === 'object' && child !== null);
}

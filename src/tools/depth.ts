/** Levels of objects and lists in arguments and results: recursion into a deeper value overflows the stack. */
export const MAX_JSON_DEPTH = 200;

/** Whether objects and lists are nested more than `levels` deep. Goes level by level, without recursion. */
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

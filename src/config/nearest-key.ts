/** Penalty of a key in another section, in edits: less than one misspelt letter. */
const ELSEWHERE = 0.5;

/**
 * The known key that an unknown one most likely stands for, by its last name: fewest edits first, then the same
 * section, then the order of `candidates`.
 */
export function nearestKey(
  path: readonly string[],
  candidates: readonly (readonly string[])[],
): readonly string[] | undefined {
  const name = lastOf(path);
  const most = Math.max(1, Math.floor(name.length / 3));
  const near = candidates
    .map((candidate) => ({ candidate, edits: editsBetween(name, lastOf(candidate)) }))
    .filter(({ edits }) => edits <= most)
    .map(({ candidate, edits }) => ({
      candidate,
      distance: edits + (isBeside(path, candidate) ? 0 : ELSEWHERE),
    }));
  return near.sort((a, b) => a.distance - b.distance)[0]?.candidate;
}

const lastOf = (path: readonly string[]): string => (path.at(-1) ?? '').toLowerCase();

const isBeside = (a: readonly string[], b: readonly string[]): boolean =>
  a.slice(0, -1).join('.') === b.slice(0, -1).join('.');

/** Edit distance: insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editsBetween(a: string, b: string): number {
  let [beforeLast, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const [insert, remove] = [(row[j - 1] ?? 0) + 1, (last[j] ?? 0) + 1];
      const replace = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swaps = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(insert, remove, replace, swaps ? (beforeLast[j - 2] ?? 0) + 1 : Infinity);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] ?? 0;
}

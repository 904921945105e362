import type { PathJail } from '../files/path-jail.js';
import { type Found, walk } from '../files/walk.js';

const MAX_ENTRIES = 20_000;
const MAX_ITEMS = 100;

export type ItemType = 'file' | 'directory';

export interface Match {
  readonly name: string;
  /** Relative to the workspace, with `/`. */
  readonly path: string;
  readonly type: ItemType;
}

/**
 * Files and directories of a workspace whose name or path fits `query`, best first, at most {@link MAX_ITEMS}. Only the
 * {@link MAX_ENTRIES} entries nearest to the workspace's root are searched. An empty query fits all entries.
 */
export async function search(jail: PathJail, query: string, type: ItemType | 'all'): Promise<Match[]> {
  const wanted = query.trim().toLowerCase();
  const best = new Best();
  for await (const found of walk(jail, jail.root, MAX_ENTRIES)) {
    const itemType = found.isDirectory ? 'directory' : 'file';
    if (type !== 'all' && type !== itemType) continue;
    const rank = rankOf(found, wanted);
    if (rank === undefined) continue;
    best.add(rank, { name: found.name, path: found.path, type: itemType });
    if (wanted === '' && best.isFull) break; // the walk is breadth-first: no better match follows
  }
  return best.matches;
}

/** Rank of an entry, 0 the best; undefined for no match. */
export function rankOf({ name, path }: Pick<Found, 'name' | 'path'>, wanted: string): number | undefined {
  if (wanted === '') return 0;
  const lowerName = name.toLowerCase();
  const lowerPath = path.toLowerCase();
  if (lowerName === wanted || lowerPath === wanted) return 0;
  if (lowerName.startsWith(wanted)) return 1;
  if (lowerName.includes(wanted)) return 2;
  if (lowerPath.includes(wanted)) return 3;
  return isSubsequence(wanted, lowerPath) ? 4 : undefined;
}

/** Whether `part` is a subsequence of `whole`. */
function isSubsequence(part: string, whole: string): boolean {
  let at = 0;
  for (let i = 0; i < whole.length && at < part.length; i++) if (whole[i] === part[at]) at += 1;
  return at === part.length;
}

/** The best matches so far; at most twice {@link MAX_ITEMS} are kept. */
class Best {
  private kept: { readonly rank: number; readonly match: Match }[] = [];

  get isFull(): boolean {
    return this.kept.length >= MAX_ITEMS;
  }

  get matches(): Match[] {
    this.cut();
    return this.kept.map(({ match }) => match);
  }

  add(rank: number, match: Match): void {
    this.kept.push({ rank, match });
    if (this.kept.length >= 2 * MAX_ITEMS) this.cut();
  }

  private cut(): void {
    this.kept = this.kept
      .sort(
        (a, b) =>
          a.rank - b.rank ||
          a.match.path.length - b.match.path.length ||
          (a.match.path < b.match.path ? -1 : 1),
      )
      .slice(0, MAX_ITEMS);
  }
}

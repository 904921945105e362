/** Wildcard for any number of elements, including none. */
export const STAR = Symbol('*');

/** Comparisons left. A match that runs out of them fails. */
export interface Effort {
  left: number;
}

/**
 * Whether `pattern` fits the whole of `subject`: each element fits one element, a {@link STAR} any number. Backtracking
 * to the last star is enough for such wildcards: the work grows with the product of the two lengths, where a regular
 * expression's may grow with a power of the product.
 */
export function fitsAll<P, S>(
  pattern: ArrayLike<P | typeof STAR>,
  subject: ArrayLike<S>,
  fits: (element: P, of: S) => boolean,
  effort: Effort,
): boolean {
  let p = 0;
  let star = -1;
  let afterStar = 0;
  for (let s = 0; s < subject.length;) {
    if (--effort.left < 0) return false;
    const element = pattern[p];
    if (element === STAR) {
      star = p++;
      afterStar = s;
    } else if (p < pattern.length && fits(element as P, subject[s] as S)) {
      p += 1;
      s += 1;
    } else if (star === -1) {
      return false;
    } else {
      p = star + 1;
      s = ++afterStar;
    }
  }
  while (pattern[p] === STAR) p += 1;
  return p === pattern.length;
}

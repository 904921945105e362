/** Any number of elements, none included. */
export const STAR = Symbol('*');

/** How much may still be compared. What is cut off by it counts as no match. */
export interface Effort {
  left: number;
}

/**
 * Whether `pattern` fits the whole of `subject`, each of its elements one element of it and a {@link STAR} any number.
 * It goes back to the last star only, which is enough for wildcards of this kind: the work grows with the product of
 * the two lengths, where a regular expression's may grow with a power of it.
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

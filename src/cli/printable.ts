/** Control and format characters, line separators, blanks other than the space, and what else is drawn as nothing. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;

/**
 * One line of foreign text, fit for a terminal: what would steer the terminal, reorder the text or not be seen stands
 * there as its code point, such as `\u{1b}`.
 */
export function printable(line: string): string {
  return line.replace(UNSEEN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

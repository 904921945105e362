/** Control and format characters, line separators, blanks other than the space, and other invisible ones. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;

/**
 * One line of foreign text, safe for a terminal: characters that control the terminal, reorder text or are invisible
 * become their code points, such as `\u{1b}`.
 */
export function printable(line: string): string {
  return line.replace(UNSEEN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

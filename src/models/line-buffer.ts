/** A line of a stream holds some tokens, at most the arguments of a call; what is longer has no end. */
export const MAX_LINE = 8_000_000;
/** So many pieces of a line are put together at once: each character is copied twice, however small they are. */
const MAX_PIECES = 1_000;

/** Cuts a text that comes in pieces into lines. Only what is new is looked at. */
export class LineBuffer {
  private blocks: string[] = [];
  private pieces: string[] = [];
  private length = 0;

  /**
   * @returns the lines that have ended, without their ends
   * @throws SyntaxError when one has more than 8,000,000 characters
   */
  push(text: string): string[] {
    const lines = text.split('\n');
    const rest = lines.pop() ?? '';
    if (lines.length > 0 && this.length > 0) lines[0] = this.end() + (lines[0] ?? '');
    if (rest !== '') this.keep(rest);
    return lines;
  }

  /** What has come of the last line. It is taken out. */
  end(): string {
    const line = [...this.blocks, ...this.pieces].join('');
    this.blocks = [];
    this.pieces = [];
    this.length = 0;
    return line;
  }

  private keep(piece: string): void {
    this.length += piece.length;
    if (this.length > MAX_LINE) throw new SyntaxError(`a line has no end after ${MAX_LINE} characters`);
    this.pieces.push(piece);
    if (this.pieces.length < MAX_PIECES) return;
    this.blocks.push(this.pieces.join(''));
    this.pieces = [];
  }
}

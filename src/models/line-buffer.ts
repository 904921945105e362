/** Maximum of characters in a line of a stream: more than the arguments of any real tool call. */
export const MAX_LINE = 8_000_000;
/** Pieces of a line that are joined at once: each character is copied only twice, however small the pieces. */
const MAX_PIECES = 1_000;

const LINE_FEED = 10;

/** Splits a text that arrives in pieces into lines, which end with LF, CR or CRLF. Each piece is scanned once. */
export class LineBuffer {
  private blocks: string[] = [];
  private pieces: string[] = [];
  private length = 0;
  /** Whether the last piece ended with CR: an LF that follows belongs to the same line end. */
  private afterReturn = false;

  /**
   * @returns the complete lines, without their line ends
   * @throws SyntaxError if a line has more than 8,000,000 characters
   */
  push(text: string): string[] {
    const lines = this.split(text);
    const rest = lines.pop() ?? '';
    if (lines.length > 0 && this.length > 0) lines[0] = this.end() + (lines[0] ?? '');
    if (rest !== '') this.keep(rest);
    return lines;
  }

  /** Takes out the incomplete last line. */
  end(): string {
    const line = [...this.blocks, ...this.pieces].join('');
    this.blocks = [];
    this.pieces = [];
    this.length = 0;
    return line;
  }

  private split(text: string): string[] {
    let rest = text;
    if (this.afterReturn && text !== '') {
      this.afterReturn = false;
      if (text.charCodeAt(0) === LINE_FEED) rest = text.slice(1);
    }
    if (!rest.includes('\r')) return rest.split('\n');
    this.afterReturn = rest.endsWith('\r');
    return rest.split(/\r\n?|\n/);
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

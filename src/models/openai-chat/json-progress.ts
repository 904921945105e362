const QUOTE = 34;
const BACKSLASH = 92;
const OPEN = new Set([91, 123]);
const CLOSE = new Set([93, 125]);

/** Follows JSON that arrives in pieces, each of them read once, to tell where it is whole. */
export class JsonProgress {
  private depth = 0;
  private inString = false;
  private escaped = false;
  /** Whether an object, a list or a string has come to its end. */
  isWhole = false;

  push(text: string): void {
    for (let i = 0; i < text.length; i++) this.take(text.charCodeAt(i));
  }

  private take(code: number): void {
    if (this.inString) this.inside(code);
    else if (code === QUOTE) this.inString = true;
    else if (OPEN.has(code)) this.depth += 1;
    else if (CLOSE.has(code)) {
      this.depth -= 1;
      this.isWhole ||= this.depth <= 0;
    }
  }

  private inside(code: number): void {
    if (this.escaped) this.escaped = false;
    else if (code === BACKSLASH) this.escaped = true;
    else if (code === QUOTE) {
      this.inString = false;
      this.isWhole ||= this.depth <= 0;
    }
  }
}

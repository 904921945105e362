const QUOTE = 34;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** Follows JSON that arrives in pieces, each of them read once, to tell where it is whole. */
export class JsonProgress {
  private depth = 0;
  private inString = false;
  private escaped = false;
  /** Whether an object, a list or a string has come to its end. */
  isWhole = false;

  push(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (this.inString) this.inside(code);
      else if (code === QUOTE) this.inString = true;
      else if (code === OPEN_BRACE || code === OPEN_BRACKET) this.depth += 1;
      else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) this.end(this.depth - 1);
    }
  }

  private inside(code: number): void {
    if (this.escaped) this.escaped = false;
    else if (code === BACKSLASH) this.escaped = true;
    else if (code === QUOTE) {
      this.inString = false;
      this.end(this.depth);
    }
  }

  private end(depth: number): void {
    this.depth = depth;
    this.isWhole ||= depth <= 0;
  }
}

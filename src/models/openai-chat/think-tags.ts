/** Tags around a model's thinking, where its server leaves it in the text. */
const TAGS = [
  ['<think>', '</think>'],
  ['<thinking>', '</thinking>'],
  ['<thought>', '</thought>'],
  ['<seed:think>', '</seed:think>'],
  ['◁think▷', '◁/think▷'],
] as const;

/** Blanks at the start that are held back. */
const MAX_BLANKS = 100;

/**
 * Separates the thinking at the very start of an answer from its text, while both stream. At most the characters of
 * one tag are held back. Tags further on are text: an answer may be about them.
 */
export class ThinkTags {
  private state: 'start' | 'thinking' | 'after' | 'text' = 'start';
  private held = '';
  private close = '';
  private hasThought = false;

  constructor(
    private readonly text: (delta: string) => void,
    private readonly thought: (delta: string) => void,
  ) {}

  /** Whether the rest of the answer is text. */
  get isText(): boolean {
    return this.state === 'text';
  }

  /** Whether the answer is in its thinking. */
  get isThinking(): boolean {
    return this.state === 'thinking';
  }

  push(delta: string): void {
    if (this.state === 'start') this.atStart(this.held + delta);
    else if (this.state === 'thinking') this.inThought(this.held + delta);
    else if (this.state === 'after') this.afterThought(delta);
    else this.text(delta);
  }

  /** Passes on what is held back. To be called at the end of the answer. */
  end(): void {
    const { held, state } = this;
    this.held = '';
    this.state = 'text';
    if (held === '') return;
    if (state === 'thinking') this.think(held);
    else this.text(held);
  }

  private atStart(start: string): void {
    const begun = start.trimStart();
    const tag = TAGS.find(([open]) => begun.startsWith(open));
    if (tag) {
      this.held = '';
      this.close = tag[1];
      this.state = 'thinking';
      this.inThought(begun.slice(tag[0].length));
    } else if (start.length <= MAX_BLANKS && TAGS.some(([open]) => open.startsWith(begun))) {
      this.held = start;
    } else {
      this.held = '';
      this.state = 'text';
      this.text(start);
    }
  }

  private inThought(thought: string): void {
    const end = thought.indexOf(this.close);
    const kept = end === -1 ? thought.length - heldBack(thought, this.close) : end;
    this.held = end === -1 ? thought.slice(kept) : '';
    this.think(thought.slice(0, kept));
    if (end === -1) return;
    this.state = 'after';
    this.afterThought(thought.slice(end + this.close.length));
  }

  private think(thought: string): void {
    const shown = this.hasThought ? thought : thought.trimStart();
    if (shown === '') return;
    this.hasThought = true;
    this.thought(shown);
  }

  private afterThought(text: string): void {
    const shown = text.trimStart();
    if (shown === '') return;
    this.state = 'text';
    this.text(shown);
  }
}

/** Characters at the end of a text with which `tag` may begin. */
function heldBack(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--) {
    if (tag.startsWith(text.slice(-length))) return length;
  }
  return 0;
}

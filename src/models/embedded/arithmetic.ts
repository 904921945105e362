/** Maximum of characters; bounds the parser's recursion, one level per parenthesis. No typed sum is longer. */
const MAX_LENGTH = 500;

/**
 * The value of an arithmetic expression (numbers, + - * / % ^ and parentheses), or undefined for any other text. `×`,
 * `÷`, `−`, and `x` between numbers are understood too.
 */
export function evaluate(text: string): number | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const tokens = tokenize(text);
  if (!tokens || !tokens.some((token) => typeof token === 'string' && '+-*/%^'.includes(token))) {
    return undefined;
  }
  const parser = new Parser(tokens);
  const value = parser.sum();
  return parser.atEnd && value !== undefined && Number.isFinite(value) ? value : undefined;
}

type Token = number | string;

function tokenize(text: string): Token[] | undefined {
  const plain = text
    .replaceAll('×', '*')
    .replaceAll('÷', '/')
    .replaceAll('−', '-')
    .replaceAll('**', '^')
    .replace(/(?<=\d)\s*x\s*(?=\d)/g, '*');
  if (!/^[\d\s.+\-*/%^()]+$/.test(plain)) return undefined;
  return (plain.match(/\d+(\.\d+)?|\.\d+|[+\-*/%^()]/g) ?? []).map((token) =>
    /\d/.test(token) ? Number(token) : token,
  );
}

/** Recursive-descent parser; each method gives undefined on a syntax error. */
class Parser {
  private at = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  get atEnd(): boolean {
    return this.at === this.tokens.length;
  }

  sum(): number | undefined {
    let left = this.product();
    for (;;) {
      if (this.take('+')) left = combine(left, this.product(), (a, b) => a + b);
      else if (this.take('-')) left = combine(left, this.product(), (a, b) => a - b);
      else return left;
    }
  }

  private product(): number | undefined {
    let left = this.factor();
    for (;;) {
      if (this.take('*')) left = combine(left, this.factor(), (a, b) => a * b);
      else if (this.take('/')) left = combine(left, this.factor(), (a, b) => a / b);
      else if (this.take('%')) left = combine(left, this.factor(), (a, b) => a % b);
      else return left;
    }
  }

  private factor(): number | undefined {
    if (this.take('-')) return combine(0, this.factor(), (a, b) => a - b);
    const base = this.atom();
    return this.take('^') ? combine(base, this.factor(), (a, b) => a ** b) : base;
  }

  private atom(): number | undefined {
    if (this.take('(')) {
      const inside = this.sum();
      return this.take(')') ? inside : undefined;
    }
    const token = this.tokens[this.at];
    if (typeof token !== 'number') return undefined;
    this.at += 1;
    return token;
  }

  private take(token: string): boolean {
    if (this.tokens[this.at] !== token) return false;
    this.at += 1;
    return true;
  }
}

function combine(
  a: number | undefined,
  b: number | undefined,
  operate: (a: number, b: number) => number,
): number | undefined {
  return a === undefined || b === undefined ? undefined : operate(a, b);
}

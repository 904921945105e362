import { Rng } from './rng.js';

const WORDS = ['hi', 'list the files', 'read todo.txt', '6 * 7', 'search for x', 'what can you do', 'x'];

/** Texts that parsers, databases, logs and pages have stumbled over. */
const ODD_TEXTS = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\r\nX-Injected: yes',
  '\ud800',
  '\u202e\u2066',
  '😀'.repeat(50),
  'e\u0301'.repeat(100),
  '../../../../etc/passwd',
  '..\\..\\windows\\win.ini',
  '/etc/passwd',
  'file:///etc/passwd',
  '%00',
  '%',
  '%ff%fe',
  '%25%32%65',
  "'; DROP TABLE sessions; --",
  '" OR ""="',
  '<script>alert(1)</script>',
  '${7*7}{{7*7}}#{7*7}',
  '$(id)`id`',
  '%s%n%x',
  'NaN',
  'null',
  'undefined',
  'true',
  '-1',
  '1e999',
  '0x10',
  '9007199254740993',
  '[object Object]',
  '__proto__',
  'constructor',
  'http://169.254.169.254/latest',
  'javascript:alert(1)',
  'data:image/png;base64,!!!!',
  'data:,',
  '@file:../x @dir:/',
];
const ODD_NUMBERS = [0, -0, -1, 1, 0.5, 100, 1e3, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 63), 1e21, 1e308, 5e-324];

/** Chooses among what parsers have stumbled over. */
export class FuzzRng extends Rng {
  /** True in one of `n` cases. */
  oneIn(n: number): boolean {
    return this.chance(1 / n);
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  text(): string {
    switch (this.below(6)) {
      case 0:
      case 1:
        return this.pick(WORDS);
      case 2:
        return this.bytes(this.below(40)).toString('utf8');
      case 3:
        return this.bytes(this.below(40)).toString('latin1');
      case 4:
        return this.oneIn(20) ? this.pick(WORDS).repeat(1 + this.below(20_000)) : this.pick(ODD_TEXTS);
      default:
        return this.pick(ODD_TEXTS);
    }
  }

  /** Any JSON value. */
  value(depth = 3): unknown {
    switch (this.below(depth > 0 ? 8 : 5)) {
      case 0:
        return null;
      case 1:
        return this.oneIn(2);
      case 2:
        return this.pick(ODD_NUMBERS);
      case 3:
      case 4:
        return this.text();
      case 5:
      case 6:
        return Array.from({ length: this.below(4) }, () => this.value(depth - 1));
      default:
        return Object.fromEntries(
          Array.from({ length: this.below(4) }, () => [this.text(), this.value(depth - 1)]),
        );
    }
  }

  /** The same JSON with something broken in it, or put where no one expects it. */
  broken(json: string): string | Buffer {
    const at = this.below(json.length + 1);
    switch (this.below(8)) {
      case 0:
        return json.slice(0, at);
      case 1:
        return json.slice(0, at) + this.bytes(1 + this.below(4)).toString('latin1') + json.slice(at);
      case 2:
        return Buffer.concat([Buffer.from(json.slice(0, at)), this.bytes(3), Buffer.from(json.slice(at))]);
      case 3:
        return '['.repeat(1 + this.below(20_000));
      case 4:
        return '{"a":'.repeat(1 + this.below(5_000));
      case 5:
        return `{"a":${'['.repeat(300)}${']'.repeat(300)}}`;
      case 6:
        return `{"sessionId":${'9'.repeat(1 + this.below(1_000))},"after":1e${this.below(999)}}`;
      default:
        return `\ufeff${json}${json}`;
    }
  }
}

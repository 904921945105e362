import { describe, expect, it } from '@jest/globals';
import { evaluate } from './arithmetic.js';

describe('evaluate', () => {
  it.each([
    ['1 + 1', 2],
    ['12 * (3 + 4)', 84],
    ['2 + 3 * 4', 14],
    ['(2 + 3) * 4', 20],
    ['10 - 4 - 3', 3],
    ['100 / 10 / 5', 2],
    ['17 % 5', 2],
    ['2 ^ 10', 1024],
    ['2 ** 10', 1024],
    ['2 ^ 3 ^ 2', 512],
    ['-2 ^ 2', -4],
    ['(-2) ^ 2', 4],
    ['2 ^ -1', 0.5],
    ['-5', -5],
    ['--5', 5],
    ['3 - -4', 7],
    ['.5 + 1.25', 1.75],
    ['0.1 + 0.2', 0.1 + 0.2],
    ['3 x 4', 12],
    ['2x3x4', 24],
    ['6 × 7', 42],
    ['84 ÷ 2', 42],
    ['44 − 2', 42],
    ['  7\t*\n6 ', 42],
    ['1234567 * 7654321', 9449772114007],
  ])('%s is %d', (text, value) => {
    expect(evaluate(text)).toBe(value);
  });

  it.each([
    ['nothing', ''],
    ['blanks', '   '],
    ['a word', 'hello'],
    ['a number alone', '42'],
    ['a number in parentheses', '(42)'],
    ['two numbers', '3 4'],
    ['two numbers before an operator', '3 4 + 1'],
    ['an operator alone', '+'],
    ['a missing right side', '3 +'],
    ['a missing left side', '* 3'],
    ['an open parenthesis', '(1 + 2'],
    ['a closing parenthesis too many', '1 + 2)'],
    ['empty parentheses', '() + 1'],
    ['a product without an operator', '(2)(3) + 1'],
    ['a number with two points', '1.2.3 + 1'],
    ['a division by zero', '1 / 0'],
    ['a remainder by zero', '1 % 0'],
    ['something too large', '10 ^ 1000'],
    ['letters among numbers', '2 + two'],
    ['an x that is no sign', 'x + 1'],
    ['code', 'process.exit() + 1'],
    ['more parentheses than anybody types', `${'('.repeat(100_000)}1 + 1${')'.repeat(100_000)}`],
    ['more signs than anybody types', `${'-'.repeat(100_000)}1`],
  ])('makes nothing of %s', (_what, text) => {
    expect(evaluate(text)).toBeUndefined();
  });
});

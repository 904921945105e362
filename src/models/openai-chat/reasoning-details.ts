import { type Fields, fieldsOf, textOf } from './fields.js';

/** Maximum of characters of the chunks that bring details. */
const MAX_CHARACTERS = 8_000_000;
/** Field that grows from chunk to chunk, by the type of a detail. */
const GROWING: ReadonlyMap<unknown, string> = new Map([
  ['reasoning.text', 'text'],
  ['reasoning.summary', 'summary'],
]);

/**
 * OpenRouter's `reasoning_details`, which are sent back as they came: signed or encrypted thoughts, in their order.
 * A block of text streams in several details of the same type and index, and its signature may come last (OpenRouter
 * docs, "Preserving reasoning").
 */
export class ReasoningDetails {
  readonly list: Record<string, unknown>[] = [];
  private characters = 0;

  /**
   * @param details list of a chunk, which has `length` characters
   * @returns the text in them
   * @throws SyntaxError beyond 8,000,000 characters
   */
  push(details: readonly unknown[], length: number): string {
    this.characters += length;
    if (this.characters > MAX_CHARACTERS) throw new SyntaxError('its reasoning details have no end');
    return details.map((detail) => this.add(fieldsOf(detail))).join('');
  }

  private add(detail: Fields | undefined): string {
    if (!detail) return '';
    const field = GROWING.get(detail['type']);
    const last = this.list.at(-1);
    if (!field || !last || last['type'] !== detail['type'] || last['index'] !== detail['index']) {
      this.list.push({ ...detail });
      return field ? textOf(detail[field]) : '';
    }
    const delta = textOf(detail[field]);
    const given = Object.fromEntries(Object.entries(detail).filter(([, value]) => value !== null));
    const grown = delta && { [field]: textOf(last[field]) + delta };
    this.list[this.list.length - 1] = { ...last, ...given, ...grown };
    return delta;
  }
}

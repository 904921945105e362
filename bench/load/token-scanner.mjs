import { nowUs } from '../lib/stats.mjs';

const DELTA = '"assistant_streaming_message"';
const STAMP = ' T';
const SEMICOLON = ';'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

/**
 * Finds the tokens in Server-Sent Events, by scanning: parsing each frame's JSON would make the load generator
 * dearer than the servers. The whole text at the end of an answer holds all its tokens once more; only frames of
 * streaming messages count.
 */
export class TokenScanner {
  tokens = 0;
  firstFrameAt = 0;
  firstTokenAt = 0;
  #rest = '';

  /** @param {number[]} ages where the tokens' ages on arrival are put, in ms */
  constructor(ages) {
    this.ages = ages;
  }

  /** @param {string} chunk latin1 */
  read(chunk) {
    const now = nowUs();
    const text = this.#rest + chunk;
    let at = 0;
    for (let end = text.indexOf('\n\n'); end !== -1; at = end + 2, end = text.indexOf('\n\n', at)) {
      if (text.charCodeAt(at) !== 100) continue; // not "data:", so a comment
      this.firstFrameAt ||= now;
      const delta = text.indexOf(DELTA, at);
      if (delta === -1 || delta > end) continue;
      const stamp = text.indexOf(STAMP, delta);
      if (stamp === -1 || stamp > end) continue; // the empty delta that ends a message
      this.firstTokenAt ||= now;
      this.tokens += 1;
      this.ages.push((now - microseconds(text, stamp + STAMP.length)) / 1_000);
    }
    this.#rest = text.slice(at);
  }
}

function microseconds(text, from) {
  let value = 0;
  for (let at = from, code; (code = text.charCodeAt(at)) !== SEMICOLON; at++)
    value = value * 10 + code - ZERO;
  return value;
}

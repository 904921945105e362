import { describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { maskSecrets, maskSecretsIn, maskSecretsInJson, Secret, SecretMask } from './secret.js';

const KEY = 'sk-live-4711-sentinel';

describe('a secret', () => {
  it('prints, serialises and inspects as ***', () => {
    const secret = new Secret(KEY);
    const holder = { model: { apiKey: secret } };
    expect(`${secret as unknown as string}`).toBe('***');
    expect(JSON.stringify(holder)).toBe('{"model":{"apiKey":"***"}}');
    expect(inspect(holder, { depth: 9, showHidden: true })).not.toContain(KEY);
    expect(secret.reveal()).toBe(KEY);
  });
});

describe('masking', () => {
  const odd = new Secret('a"b\\c\nd-secret');

  it('finds a secret wherever it stands, also escaped in JSON', () => {
    expect(maskSecrets(`x${KEY}y${KEY}`, [new Secret(KEY)])).toBe('x***y***');
    const json = JSON.stringify({ text: `it is ${odd.reveal()}!` });
    expect(maskSecretsInJson(json, [odd])).toBe('{"text":"it is ***!"}');
    expect(maskSecretsIn({ list: [odd.reveal()] }, [odd])).toEqual({ list: ['***'] });
  });

  it.each([
    'ollama',
    'lm-studio',
    'password',
    'anthropic',
    'no-api-key',
    'EMPTY',
    'not-needed',
    'sk-no-key-required',
    'dummy',
    'none',
    'token12',
    'xxxxxxxxxxxxxxxx',
  ])('leaves text alone in which a placeholder stands: %s', (placeholder) => {
    const text = `the word ${placeholder} and the word ${placeholder.toLowerCase()}`;
    expect(maskSecrets(text, [new Secret(placeholder)])).toBe(text);
    expect(maskSecretsIn({ text }, [new Secret(placeholder)])).toEqual({ text });
    expect(new SecretMask([new Secret(placeholder)]).push(text)).toBe(text);
  });

  it('changes nothing but texts: neither keys nor the types of content parts', () => {
    const word = new Secret('image_url');
    const parts = [{ type: 'image_url', image_url: { url: 'data:image_url' } }];
    expect(maskSecretsIn(parts, [word])).toEqual([{ type: 'image_url', image_url: { url: 'data:***' } }]);
    const value = { [KEY]: 1 };
    expect(maskSecretsIn(value, [new Secret(KEY)])).toBe(value);
  });

  it('keeps an own key that is named like the prototype', () => {
    const value: unknown = JSON.parse(`{"__proto__": {"a": "${KEY}"}}`);
    expect(JSON.stringify(maskSecretsIn(value, [new Secret(KEY)]))).toBe('{"__proto__":{"a":"***"}}');
  });

  it('hides the longer one of two secrets of which one is part of the other', () => {
    const [long, short] = [new Secret(`${KEY}-and-more`), new Secret(KEY)];
    expect(maskSecrets(`a ${KEY}-and-more b ${KEY}`, [short, long])).toBe('a *** b ***');
  });
});

describe('masking JSON text', () => {
  const key = new Secret(KEY);

  it.each([
    ['as it stands', `{ "a": "${KEY}" }`, '{ "a": "***" }'],
    ['escaped', `{"a":"\\u0073${KEY.slice(1)}"}`, '{"a":"***"}'],
    ['in what is no JSON', `{"a":"${KEY}`, '{"a":"***'],
    ['not at all where there is none', '{"a": "b\\n"}', '{"a": "b\\n"}'],
  ])('hides a secret %s', (_how, text, masked) => {
    expect(maskSecretsInJson(text, [key])).toBe(masked);
  });

  it('leaves JSON as JSON where a secret seems to stand across an escape', () => {
    const text = JSON.stringify({ a: '\nabcdefgh' });
    expect(maskSecretsInJson(text, [new Secret('nabcdefgh')])).toBe(text);
    expect(maskSecretsIn({ a: '\nabcdefgh' }, [new Secret('nabcdefgh')])).toEqual({ a: '\nabcdefgh' });
  });
});

describe('masking a text that comes in pieces', () => {
  const show = (pieces: readonly string[], ...secrets: string[]) => {
    const mask = new SecretMask(secrets.map((value) => new Secret(value)));
    const shown = pieces.map((piece) => mask.push(piece));
    return [...shown, mask.end()];
  };

  it('passes on every piece as it comes when nothing in it looks like a secret', () => {
    const pieces = ['This', ' is', ' sk', '-', ' s', 'k', 'i', ' on', ' skis.'];
    expect(show(pieces, KEY)).toEqual([...pieces, '']);
  });

  it.each([1, 2, 3, 4, 5, 7, 11, 20, 50])('hides it in pieces of %i characters', (size) => {
    const text = `before ${KEY} between ${KEY}${KEY} sk-live, and after sk-live-4711`;
    const pieces = text.match(new RegExp(`.{1,${size}}`, 'gs')) ?? [];
    const joined = show(pieces, KEY).join('');
    expect(joined).not.toContain(KEY);
    // Up to three characters may be given out before a secret is recognised.
    expect(joined.replace(/(s|sk|sk-)?\*\*\*/g, '***')).toBe(
      'before *** between ****** sk-live, and after sk-live-4711',
    );
  });

  it('hides each of several, of which one begins like another', () => {
    const other = 'sk-live-47-other';
    const text = `a ${KEY} b ${other} c`;
    for (let at = 0; at <= text.length; at++) {
      const joined = show([text.slice(0, at), text.slice(at)], KEY, other).join('');
      expect(joined.replace(/(s|sk|sk-)?\*\*\*/g, '***')).toBe('a *** b *** c');
    }
  });

  it('gives out at the end what looked like the beginning of one', () => {
    expect(show(['it is sk-live-4', '7'], KEY)).toEqual(['it is ', '', 'sk-live-47']);
  });

  it('looks for each only where it may be: one may stand in a text very often, and another not at all', () => {
    const before = process.cpuUsage();
    const joined = show([`${KEY} `.repeat(200_000)], KEY, 'another-secret').join('');
    expect(joined).toBe('*** '.repeat(200_000));
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000); // half a minute if each secret scans the text
  });
});

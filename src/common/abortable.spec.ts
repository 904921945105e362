import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { abortable } from './abortable.js';

describe('abortable', () => {
  const unheard: unknown[] = [];
  const hear = (reason: unknown) => unheard.push(reason);
  beforeEach(() => void process.on('unhandledRejection', hear));
  afterEach(() => void process.off('unhandledRejection', hear));

  it('gives what the work gives, or throws', async () => {
    const { signal } = new AbortController();
    await expect(abortable(Promise.resolve(7), signal)).resolves.toBe(7);
    await expect(abortable(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
  });

  it('rejects when the signal aborts, though the work goes on', async () => {
    const controller = new AbortController();
    const waiting = abortable(new Promise(() => undefined), controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  it.each(['before', 'after'])('hears what the work throws when the signal aborted %s', async (when) => {
    const controller = new AbortController();
    if (when === 'before') controller.abort(new Error('enough'));
    let fail: (error: Error) => void = () => undefined;
    const waiting = abortable(new Promise((_resolve, reject) => (fail = reject)), controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    fail(new Error('too late'));
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(unheard).toEqual([]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { concat, from, type ObservableInput, throwError } from 'rxjs';
import { requestedCursor, sendEventStream, type StreamItem, type StreamOptions } from './event-stream.js';

async function sent(items: ObservableInput<StreamItem>, options: Omit<StreamOptions, 'stalledReaderMs'>) {
  const server = createServer((_req, res) => {
    sendEventStream(res, () => from(items), { stalledReaderMs: 10_000, ...options });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } });
    return await response.text();
  } finally {
    server.close();
  }
}

describe('the frames of a stream', () => {
  const items: readonly StreamItem[] = [
    { seq: 7, json: '{"seq": 7}' },
    { seq: undefined, json: '{"content":"a"}' },
    { type: 'replay_end' },
  ];

  it('are one line of data each, of an event as it was serialised', async () => {
    expect(await sent(items, {})).toBe(
      'data: {"seq": 7}\n\ndata: {"content":"a"}\n\ndata: {"type":"replay_end"}\n\n',
    );
  });

  it('carry the id of a stored event, and of nothing else, where a browser reconnects, and first when it does', async () => {
    const [, wait, frames] = /^retry: (\d+)\n\n([^]*)$/.exec(await sent(items, { reconnects: true })) ?? [];
    expect(Number(wait)).toBeGreaterThanOrEqual(1_000);
    expect(Number(wait)).toBeLessThan(3_000);
    expect(frames).toBe(
      'id: 7\ndata: {"seq": 7}\n\ndata: {"content":"a"}\n\ndata: {"type":"replay_end"}\n\n',
    );
  });
});

describe('a stream that breaks off', () => {
  it('ends no answer in order, so that its reader comes back, and is logged', async () => {
    const lines: unknown[] = [];
    class Kept extends ConsoleLogger {
      override error(message: unknown): void {
        lines.push(message);
      }
    }
    Logger.overrideLogger(new Kept());
    const broken = throwError(() => new Error('The disk is gone.'));
    await expect(sent(concat(from<StreamItem[]>([{ type: 'replay_end' }]), broken), {})).rejects.toThrow();
    Logger.overrideLogger(false);
    expect(lines).toEqual([expect.stringMatching(/^GET \/ broke off \(.*\): Error: The disk is gone\.$/)]);
  });
});

describe('the cursor of a reader', () => {
  it('is Last-Event-ID, and what its address says where it sends none', () => {
    expect(requestedCursor('5', 1)).toBe(5);
    expect(requestedCursor('', 1)).toBe(1);
    expect(requestedCursor(undefined, 1)).toBe(1);
    expect(requestedCursor(undefined)).toBeUndefined();
    expect(requestedCursor('x', 1)).toBeNaN();
  });
});

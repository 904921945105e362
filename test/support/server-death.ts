import { once } from 'node:events';
import type { ServerProcess } from './process.js';

/** Rejects when the server ends by itself, with what it said: its clients could only tell that it hung up. */
export async function serverDeath({ child }: ServerProcess): Promise<never> {
  let said = '';
  child.stderr?.on('data', (data) => (said += String(data)));
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  throw new Error(`The server has ended (${String(code ?? signal)}). ${said}`);
}

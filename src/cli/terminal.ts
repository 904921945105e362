import { createInterface } from 'node:readline';

/** Whether a user can be asked. CI services, which set `CI`, often have a terminal without a user. */
export function canAsk(): boolean {
  const isService = !['', '0', 'false'].includes(process.env['CI'] ?? '');
  return process.stdin.isTTY && process.stdout.isTTY && !isService;
}

/** Asks a yes/no question; only y or yes agrees. The terminal edits the line itself, and Ctrl+C ends the process. */
export async function agrees(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, terminal: false });
  process.stdout.write(`${question} [y/N] `);
  const answer = await new Promise<string>((resolve) => {
    lines.once('line', resolve).once('close', () => resolve('')); // close: end of input
  });
  lines.close(); // an open input would keep the process alive
  return /^\s*y(es)?\s*$/i.test(answer);
}

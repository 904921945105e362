import { createInterface } from 'node:readline';

/** Whether a person can be asked. Builds on a service often have a terminal that nobody sits at: they set CI. */
export function canAsk(): boolean {
  const isService = !['', '0', 'false'].includes(process.env['CI'] ?? '');
  return process.stdin.isTTY && process.stdout.isTTY && !isService;
}

/** Asks a question that only y or yes agrees to. The terminal edits the line itself, and Ctrl+C ends the process. */
export async function agrees(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, terminal: false });
  process.stdout.write(`${question} [y/N] `);
  const answer = await new Promise<string>((resolve) => {
    lines.once('line', resolve).once('close', () => resolve('')); // closed: the input has ended
  });
  lines.close(); // and the input is no longer read: it would keep the process alive
  return /^\s*y(es)?\s*$/i.test(answer);
}

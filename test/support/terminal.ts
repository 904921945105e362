import { spawn, spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { BIN, cleanEnv, type ProcessOptions } from './process.js';

/** Whether this machine has the script(1) of util-linux, which gives a command a terminal. */
export const hasTerminals = spawnSync('script', ['--version']).stdout?.includes('util-linux') ?? false;

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** The built command at a pseudo-terminal, as a person sees and drives it. */
export class Terminal {
  private readonly grown = new EventEmitter();
  private text = '';
  /** The command's exit status. */
  readonly ended: Promise<number>;

  private constructor(private readonly child: ReturnType<typeof spawnOnTerminal>) {
    child.stdout.on('data', (data) => {
      this.text += String(data).replaceAll('\r\n', '\n');
      this.grown.emit('change');
    });
    this.ended = once(child, 'close').then(([code]) => {
      this.grown.emit('change');
      return code as number;
    });
  }

  static start(args: readonly string[], options: ProcessOptions = {}): Terminal {
    return new Terminal(spawnOnTerminal(args, options));
  }

  /** All that has appeared. */
  get screen(): string {
    return this.text;
  }

  /** Waits until a text has appeared, and gives the screen up to then. @throws when the command ends before */
  async until(text: string | RegExp): Promise<string> {
    const isThere = () => (typeof text === 'string' ? this.text.includes(text) : text.test(this.text));
    while (!isThere()) {
      if (this.child.exitCode !== null) throw new Error(`It ended without ${String(text)}: ${this.text}`);
      await once(this.grown, 'change');
    }
    return this.text;
  }

  /** What its keys send. */
  type(keys: string): void {
    this.child.stdin.write(keys);
  }

  /** Ctrl+C, and waits until the command has ended. */
  async interrupt(): Promise<number> {
    this.type('\u0003');
    return this.ended;
  }

  /** Ends what still runs: without its terminal the command is hung up. */
  async close(): Promise<void> {
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
    await this.ended;
  }
}

function spawnOnTerminal(args: readonly string[], { cwd, env }: ProcessOptions) {
  // The shell gives its place to the command: a shell in between ends by the Ctrl+C itself, whatever the command does.
  const command = `exec ${[process.execPath, BIN, ...args].map(quoted).join(' ')}`;
  return spawn('script', ['-qfec', command, '/dev/null'], {
    cwd,
    env: cleanEnv({ CI: '', ...env }),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

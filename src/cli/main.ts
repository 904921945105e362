import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { ServeFlags } from './options.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const collect = (value: string, before: string[] = []): string[] => [...before, value];

const program = new Command('agent-tars')
  .description('An agent server: sessions, queries and one stream of events.')
  .version(version, '-v, --version');

program
  .command('serve', { isDefault: false })
  .description('start the server')
  .option('--port <port>', 'the port; "auto" takes the next free one (default 8888)')
  .option('--host <host>', 'the address to listen on (default 127.0.0.1)')
  .option('--open', 'open the browser')
  .option('--headless', 'serve the API only, no page at /')
  .addOption(
    new Option('--config <file>', 'a configuration file; repeatable, later ones win').argParser(collect),
  )
  .option('--data-dir <dir>', 'where the database is (default ~/.agent-tars)')
  .option('--workspace <dir>', 'the directory that the agent works in (default: this one)')
  .option('--model.provider <name>', 'openai, openai-compatible, anthropic, google, ollama or embedded')
  .option('--model.id <id>', "the provider's name of the model")
  .option('--model.apiKey <key>', 'the key, or in ALL_CAPS the environment variable that holds it')
  .option('--model.baseURL <url>', "the endpoint's URL")
  .option('--share.provider <url>', 'where shared pages are uploaded')
  .option('--server.exclusive', 'one run at a time in the whole server')
  .option('--log-level <level>', 'silent, error, warn, info or debug (default warn)')
  .option('--debug', 'the same as --log-level debug')
  .option('--quiet', 'print nothing at start')
  .action(async (flags: ServeFlags) => {
    const { serve } = await import('./serve.js');
    await serve(flags);
  });

await program.parseAsync();

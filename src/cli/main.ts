import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { ServeFlags } from './options.js';
import type { DbFlags } from './db-compact.js';
import type { CreateFlags } from './token-create.js';
import type { TokenFlags } from './token-options.js';
import type { RotateFlags } from './token-rotate.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** @param before undefined for the first value, false after `--no-config` */
const collect = (value: string, before?: string[] | false): string[] => [...(before || []), value];
const NO_CONFIG = 'leave the configuration file of this directory alone';

const program = new Command('agent-tars')
  .description('An agent server: sessions, queries and one stream of events.')
  .version(version, '-V, --version')
  .addOption(new Option('-v').hideHelp())
  .on('option:v', () => {
    console.log(version);
    process.exit(0);
  });

program
  .command('serve', { isDefault: false })
  .description('start the server')
  .option('--port <port>', 'the port; "auto" takes the next free one (default 8888)')
  .option('--host <host>', 'the address to listen on (default 127.0.0.1); others need --auth')
  .option('--auth', 'ask for tokens; the first is made at the first start')
  .option('--insecure-no-auth', 'listen on any address without asking for tokens')
  .option('--open', 'open the browser')
  .option('--headless', 'serve the API only, no page at /')
  .addOption(
    new Option(
      '--config <file>',
      'a configuration file, or the URL of one; repeatable, later ones win',
    ).argParser(collect),
  )
  .option('--no-config', NO_CONFIG)
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
  .option('--quiet', 'print nothing at start, and log warnings and errors only')
  .action(async (flags: ServeFlags) => {
    const { serve } = await import('./serve.js');
    await serve(flags);
  });

program
  .command('db')
  .description('look after the database of a stopped server')
  .command('compact')
  .description('rewrite the database without the space and the remains of deleted sessions')
  .addOption(new Option('--config <file>', 'a configuration file, as for serve').argParser(collect))
  .option('--no-config', NO_CONFIG)
  .option('--data-dir <dir>', 'where the database is (default ~/.agent-tars)')
  .action(async (flags: DbFlags) => {
    const { compact } = await import('./db-compact.js');
    await compact(flags);
  });

const token = program.command('token').description('make, list and end the tokens that a server asks for');

/** A `token` command, with the flags of `serve` for the place of the tokens. */
const tokenCommand = (usage: string, description: string): Command =>
  token
    .command(usage)
    .description(description)
    .addOption(new Option('--config <file>', 'a configuration file, as for serve').argParser(collect))
    .option('--no-config', NO_CONFIG)
    .option('--data-dir <dir>', 'where the tokens are (default ~/.agent-tars)');

const TIME = 'such as 30d, 12h, 90m or never';

tokenCommand('create', 'make a token and print it, once')
  .option('--name <name>', 'what it is for')
  .option('--scope <scopes>', 'read, query (the default) or admin; several with commas')
  .option('--expires <time>', `when it ends: ${TIME} (the default)`)
  .action(async (flags: CreateFlags) => {
    const { create } = await import('./token-create.js');
    await create(flags);
  });

tokenCommand('list', 'list the tokens, without what is secret of them').action(async (flags: TokenFlags) => {
  const { list } = await import('./token-list.js');
  await list(flags);
});

tokenCommand('revoke <id>', 'end a token at once, by its id or its name').action(
  async (id: string, flags: TokenFlags) => {
    const { revoke } = await import('./token-revoke.js');
    await revoke(id, flags);
  },
);

tokenCommand('rotate <id>', 'replace a token, by its id or its name: the old one ends at once')
  .option('--expires <time>', `when the new one ends: ${TIME} (default: as before)`)
  .action(async (id: string, flags: RotateFlags) => {
    const { rotate } = await import('./token-rotate.js');
    await rotate(id, flags);
  });

await program.parseAsync();

import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Stands in every file that must not be read. */
export const SENTINEL = 'S3NT-7f1d2c9be04a';
/** The names of files that only somebody can know who lists what must not be listed. */
export const SECRET_NAME = 'known-to-who-lists-it';

/** A workspace among what must stay out of reach, and in it what must stay hidden. */
export interface Minefield {
  readonly top: string;
  readonly workspace: string;
  readonly dataDir: string;
}

/**
 * Lays out `top`: `ws` (the workspace) with honest files, hidden ones, key files, the data directory and links of
 * every kind; `ws-evil` and `outside` beside it.
 */
export async function layMines(top: string): Promise<Minefield> {
  const workspace = join(top, 'ws');
  const files: Record<string, string> = {
    'ws/docs/a.txt': 'an honest file\n',
    'ws/docs/b.txt': 'another honest file\n',
  };
  for (const forbidden of [
    'outside/secret.txt',
    `outside/${SECRET_NAME}.txt`,
    'outside/sub/secret.txt',
    'ws-evil/secret.txt',
    `ws-evil/${SECRET_NAME}.txt`,
    'ws/.env',
    'ws/.env.local',
    'ws/docs/.env',
    'ws/.npmrc',
    'ws/.netrc',
    'ws/.git/config',
    `ws/.git/${SECRET_NAME}`,
    'ws/.ssh/id_rsa',
    'ws/id_rsa',
    'ws/id_ed25519.bak',
    'ws/server.pem',
    'ws/server.key',
    'ws/vault.kdbx',
    'ws/credentials',
    'ws/prod.env',
    'ws/agent-tars.config.ts',
    'ws/state/token',
    `ws/state/${SECRET_NAME}`,
  ]) {
    files[forbidden] = `${SENTINEL} in ${forbidden}\n`;
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(top, path, '..'), { recursive: true });
    await writeFile(join(top, path), text);
  }
  const links: Record<string, string> = {
    'to-file': '../outside/secret.txt',
    'to-file-absolute': join(top, 'outside/secret.txt'),
    'to-dir': '../outside',
    'to-evil': '../ws-evil',
    'to-parent': '..',
    'to-root': '/',
    'to-proc': '/proc/self',
    'to-etc': '/etc',
    'to-new-file': '../outside/made-through-a-link.txt',
    'to-new-dir': '../outside/made-through-a-link',
    'docs/to-file': '../../outside/secret.txt',
    'chain-1': 'chain-2',
    'chain-2': 'docs/to-file',
    'loop-1': 'loop-2',
    'loop-2': 'loop-1',
    'loop-self': 'loop-self',
    'to-nothing': 'nothing',
    'to-env': '.env',
    'to-git': '.git',
    'to-key': 'id_rsa',
    'to-state': 'state',
    'notes.txt': 'state/token',
  };
  for (const [path, target] of Object.entries(links)) await symlink(target, join(workspace, path));
  return { top, workspace, dataDir: join(workspace, 'state') };
}

/** Paths that must lead nowhere, as somebody writes them who wants to get out, or at what is hidden. */
export function payloads({ top, workspace }: Minefield): string[] {
  const secret = 'outside/secret.txt';
  return [
    // up
    `../${secret}`,
    `./../${secret}`,
    `docs/../../${secret}`,
    `docs/../../ws-evil/secret.txt`,
    '../ws-evil/secret.txt',
    '../ws-evil',
    '..',
    '../',
    '../..',
    '../.',
    `../ws/../${secret}`,
    `docs/./.././../${secret}`,
    `....//${secret}`,
    `.../${secret}`,
    `..//outside//secret.txt`,
    `missing/../../${secret}`,
    `docs/a.txt/../../../${secret}`,
    `${'../'.repeat(12)}etc/passwd`,
    ` ../${secret}`,
    `../${secret} `,
    `../${secret}.`,
    // absolute
    '/etc/passwd',
    '//etc/passwd',
    '///etc/passwd',
    '/..',
    join(top, secret),
    `${workspace}-evil/secret.txt`,
    `${workspace}/../${secret}`,
    `${workspace}/docs/../../${secret}`,
    '/proc/self/environ',
    '/proc/self/cwd/package.json',
    '/proc/self/root/etc/passwd',
    '/proc/self/fd/0',
    '/dev/stdin',
    '/dev/zero',
    // encoded, once and more often
    '%2e%2e/outside/secret.txt',
    '%2e%2e%2foutside%2fsecret.txt',
    '..%2foutside%2fsecret.txt',
    '..%2Foutside',
    '%252e%252e%252foutside%252fsecret.txt',
    '..%252foutside%252fsecret.txt',
    '%25252e%25252e%25252foutside',
    'docs%2f..%2f..%2foutside%2fsecret.txt',
    '%c0%ae%c0%ae/outside/secret.txt',
    '..%c0%afoutside%c0%afsecret.txt',
    '%e0%80%ae%e0%80%ae/outside',
    '%uff0e%uff0e/outside/secret.txt',
    '..%5coutside%5csecret.txt',
    '%2eenv',
    '%2fetc%2fpasswd',
    '&#46;&#46;/outside/secret.txt',
    `..;/${secret}`,
    // zero bytes and other control characters
    '\0',
    'docs/a.txt\0',
    `../${secret}\0.txt`,
    '.env\0.txt',
    '%00',
    'docs/a.txt%00',
    '..%00/outside/secret.txt',
    'docs/\u0001a.txt',
    'docs/a.txt\n',
    'docs/a.txt\r\nX-Injected: 1',
    // backslashes, drives, shares
    '..\\outside\\secret.txt',
    'docs\\..\\..\\outside\\secret.txt',
    '..\\/outside/secret.txt',
    '\\etc\\passwd',
    '\\\\server\\share\\secret.txt',
    '\\\\?\\C:\\secret.txt',
    '//server/share/secret.txt',
    'C:\\Windows\\win.ini',
    'C:/Windows/win.ini',
    'docs/a.txt::$DATA',
    // links
    'to-file',
    'to-file-absolute',
    'to-dir',
    'to-dir/',
    'to-dir/secret.txt',
    'to-dir/sub/secret.txt',
    'to-dir/../secret.txt',
    'to-dir/new.txt',
    'to-evil/secret.txt',
    'to-parent',
    `to-parent/${secret}`,
    `to-parent/ws/.env`,
    'to-root/etc/passwd',
    'to-proc/environ',
    'to-proc/root/etc/passwd',
    'to-etc/passwd',
    'to-new-file',
    'to-new-dir',
    'to-new-dir/new.txt',
    'docs/to-file',
    'chain-1',
    'loop-1',
    'loop-1/x',
    'loop-self',
    'to-nothing',
    'to-env',
    'to-git/config',
    'to-key',
    'to-state/token',
    'notes.txt',
    // hidden
    '.env',
    './.env',
    '.env/',
    '.env/.',
    '/.env',
    'docs/../.env',
    'docs/.env',
    '.ENV',
    '.Env.Local',
    '.env.',
    '.env ',
    '.npmrc',
    '.netrc',
    '.git',
    '.git/config',
    '.GIT/config',
    '.ssh/id_rsa',
    'id_rsa',
    'ID_RSA',
    'id_rsa.',
    'id_rsa ',
    'id_ed25519.bak',
    'server.pem',
    'SERVER.PEM',
    'server.key',
    'vault.kdbx',
    'credentials',
    'prod.env',
    'agent-tars.config.ts',
    // the server's own
    'state',
    'state/',
    './state/token',
    'docs/../state/token',
    'state/agent-tars.db',
    'state/agent-tars.db-wal',
    `${workspace}/state/token`,
    // looks alike
    '\uff0e\uff0e/outside/secret.txt',
    '\u2025/outside/secret.txt',
    '\u2024\u2024/outside/secret.txt',
    '..\u2215outside\u2215secret.txt',
    '..\uff0foutside\uff0fsecret.txt',
    '\u2024env',
    '\uff0eenv',
    '\u200b.env',
    '.\u200benv',
    'id\u00ad_rsa',
    '\uff49d_rsa',
    '\u202etxt.vne',
    // what others expand
    '~',
    '~/.ssh/id_rsa',
    '~root/.bashrc',
    '$HOME/.ssh/id_rsa',
    '${HOME}',
    '$(id)',
    'file:///etc/passwd',
    `file:../${secret}`,
    'http://127.0.0.1/',
    '{docs,state}/token',
    'docs/*',
    '*',
    '-rf',
    // out of all proportion
    'a'.repeat(5_000),
    'a/'.repeat(3_000),
    'x'.repeat(300),
    `${'docs/../'.repeat(200)}../${secret}`,
  ];
}

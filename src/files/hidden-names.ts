/** Usual names of files with keys and passwords, in lower case. */
const KEY_FILES: readonly RegExp[] = [
  /^id_[^.]+$/, // private keys of ssh-keygen; the public half ends in .pub
  /\.(pem|key|p8|p12|pfx|ppk|jks|keystore|kdbx?|ovpn)$/,
  /\.env$/,
  /^(credentials|client_secret.*|service[-_]account.*)(\.(json|csv|ini|toml|ya?ml|xml))?$/,
  /^secrets?\.(json|toml|ya?ml|ini)$/,
  /^(_netrc|htpasswd|kubeconfig)$/,
  /\.tfstate$/,
];

/** The server's configuration file: it may hold keys, and is code that runs at the next start. */
const CONFIGURATION = /^agent-tars\.config\.[a-z]+$/;

/** Names of files that run, or say what runs, without a user's review. */
const RUN_LATER: readonly RegExp[] = [CONFIGURATION, /^node_modules$/, /^\.(git|husky|vscode|envrc)$/];

const BACKUP_SUFFIXES: readonly string[] = ['~', '.bak', '.backup', '.old', '.orig', '.save', '.swp'];

/**
 * Whether a name in the workspace is neither listed, read nor written: dot files, files that usually hold keys, and the
 * server's configuration. The names of key files do not hide directories.
 */
export function isHidden(name: string, isDirectory = false): boolean {
  if (name.startsWith('.') || name.includes('\\')) return true;
  const plain = plainName(name);
  if (plain === '' || plain.startsWith('.')) return true;
  const original = withoutSuffixes(plain, BACKUP_SUFFIXES);
  // Module resolution accepts a directory of that name too.
  if (CONFIGURATION.test(original)) return true;
  return !isDirectory && KEY_FILES.some((pattern) => pattern.test(original));
}

/** Whether a file or directory of this name, with its content, is never written, even if it is not hidden. */
export function isRunLater(name: string): boolean {
  const plain = plainName(name);
  return RUN_LATER.some((pattern) => pattern.test(plain));
}

/**
 * A name in the form that the most lenient file systems compare: several spellings of a character count as one,
 * invisible characters are skipped, and trailing dots and blanks dropped.
 */
export function plainName(name: string): string {
  const visible = name.normalize('NFKC').replace(/\p{Default_Ignorable_Code_Point}/gu, '');
  return withoutSuffixes(visible, ['.', ' ']).toLowerCase();
}

/** A name without suffixes. A regular expression with `+$` would take time quadratic in the name's length. */
function withoutSuffixes(name: string, suffixes: readonly string[]): string {
  let end = name.length;
  for (;;) {
    const suffix = suffixes.find((each) => name.endsWith(each, end));
    if (suffix === undefined) return name.slice(0, end);
    end -= suffix.length;
  }
}

/** Files that hold keys and passwords, by the names that people and tools give them; in lower case. */
const KEY_FILES: readonly RegExp[] = [
  /^id_[^.]+$/, // what ssh-keygen writes; the public half ends in .pub
  /\.(pem|key|p8|p12|pfx|ppk|jks|keystore|kdbx?|ovpn)$/,
  /\.env$/,
  /^(credentials|client_secret.*|service[-_]account.*)(\.(json|csv|ini|toml|ya?ml|xml))?$/,
  /^secrets?\.(json|toml|ya?ml|ini)$/,
  /^(_netrc|htpasswd|kubeconfig)$/,
  /\.tfstate$/,
];

/** The server's own: it may hold keys, and it is code that runs at the next start. */
const CONFIGURATION = /^agent-tars\.config\.[a-z]+$/;

/** What runs, or says what runs, without anybody having looked at it before. */
const RUN_LATER: readonly RegExp[] = [CONFIGURATION, /^node_modules$/, /^\.(git|husky|vscode|envrc)$/];

const BACKUP_SUFFIXES: readonly string[] = ['~', '.bak', '.backup', '.old', '.orig', '.save', '.swp'];

/**
 * Whether a name in the workspace is neither listed, read nor written: dot files, files that are known to hold keys,
 * and the server's configuration. A directory is no key.
 */
export function isHidden(name: string, isDirectory = false): boolean {
  if (name.startsWith('.') || name.includes('\\')) return true;
  const plain = plainName(name);
  if (plain === '' || plain.startsWith('.')) return true;
  const original = withoutSuffixes(plain, BACKUP_SUFFIXES);
  // Where a module is looked for, a directory of its name is taken too.
  if (CONFIGURATION.test(original)) return true;
  return !isDirectory && KEY_FILES.some((pattern) => pattern.test(original));
}

/** Whether what has this name, and what lies in it, is never written, even where it is not hidden. */
export function isRunLater(name: string): boolean {
  const plain = plainName(name);
  return RUN_LATER.some((pattern) => pattern.test(plain));
}

/**
 * A name as the file systems read it that are easiest to deceive: they take several spellings of a character for
 * the same, skip invisible ones, and drop dots and blanks at the end.
 */
export function plainName(name: string): string {
  const visible = name.normalize('NFKC').replace(/\p{Default_Ignorable_Code_Point}/gu, '');
  return withoutSuffixes(visible, ['.', ' ']).toLowerCase();
}

/** Not by an expression with `+$`: the work for a name grows with the square of its length. */
function withoutSuffixes(name: string, suffixes: readonly string[]): string {
  let end = name.length;
  for (;;) {
    const suffix = suffixes.find((each) => name.endsWith(each, end));
    if (suffix === undefined) return name.slice(0, end);
    end -= suffix.length;
  }
}

/** The names of the server's own files in its data directory, beside the database. */

/** The tokens' hashes. */
export const TOKENS_FILE = 'tokens.json';
/** The owner's own token. */
export const OWNER_FILE = 'auth-token';
/** Which configuration files of working directories the user has accepted. */
export const TRUSTED_CONFIGS_FILE = 'trusted-configs.json';

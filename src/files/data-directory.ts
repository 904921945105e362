/** The names of the server's own files in its data directory, beside the database. */

/** Hashes of the tokens. */
export const TOKENS_FILE = 'tokens.json';
/** Token of the owner. */
export const OWNER_FILE = 'auth-token';
/** Configuration files in working directories that the user has accepted. */
export const TRUSTED_CONFIGS_FILE = 'trusted-configs.json';

export { AccessControl } from './access-control.js';
export { credentialsOf } from './credentials.js';
export { accessGuard } from './guard.js';
export { loginRoutes } from './login.js';
export { CODE_MINUTES } from './login-codes.js';
export { ownerFile } from './token-commands.js';
export { routesOf } from './nest-routes.js';
export { type Scope, type TokenEntry } from './token.js';
export { TokensUnreadable } from './token-file.js';

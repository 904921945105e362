export { MAX_CALLS_PER_ANSWER } from './bounds.js';
export { CallIds, isUsableId } from './call-ids.js';
export { addCounts, isCount, toCount } from './counts.js';
export { type Dialect, dialectOf } from './dialect.js';
export { parseForeignJson, quoteLargeIntegers } from './json.js';
export { type Model, type ModelRequest } from './model.js';
export { ModelCatalog, type ModelChoice, type ModelReference } from './model-catalog.js';
export {
  modelCutOff,
  type ModelFailed,
  modelTimedOut,
  modelWentOn,
  StreamError,
  toModelFailed,
} from './model-error.js';

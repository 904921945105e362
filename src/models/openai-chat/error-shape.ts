import { type Fields, fieldsOf, textOf } from './fields.js';

/** Fields that hold an error's reason, the most telling first. */
const REASONS = [
  'message',
  'error',
  'detail',
  'details',
  'error_msg',
  'error_message',
  'msg',
  'errors',
  'reason',
  'title',
];
/** Fields beside a message that make an object without choices an error. */
const MARKS = ['code', 'status', 'status_code', 'error_code', 'type', 'error_type', 'success'];
const MAX_DEPTH = 5;

/** An error that an event or a body reports; undefined if it reports none. */
export function errorIn(value: unknown): unknown {
  const fields = fieldsOf(Array.isArray(value) ? value[0] : value);
  if (!fields) return undefined;
  const { error } = fields;
  if (error) return isNothing(error) ? undefined : toError(error);
  if (Array.isArray(fields['choices'])) return undefined;
  return isError(fields) ? toError(fields) : undefined;
}

/** What an error says; undefined if it says nothing that can be read. */
export function reasonIn(error: unknown, depth = 0): string | undefined {
  if (typeof error === 'string') return error || undefined;
  if (depth > MAX_DEPTH) return undefined;
  if (Array.isArray(error)) {
    const reasons = error.slice(0, 10).flatMap((each) => reasonIn(each, depth + 1) ?? []);
    return reasons.length > 0 ? reasons.join('; ') : undefined;
  }
  const fields = fieldsOf(error);
  if (!fields) return undefined;
  const reason = REASONS.map((field) => reasonIn(fields[field], depth + 1)).find(Boolean);
  // A validation error of FastAPI names the field of the request.
  const place = Array.isArray(fields['loc']) ? `${fields['loc'].join('.')}: ` : '';
  return reason && place + reason;
}

/** An error's HTTP status, where it names one. */
export function statusIn(error: unknown): number | undefined {
  const { code, status, status_code: statusCode } = fieldsOf(error) ?? {};
  return [code, status, statusCode].map(Number).find((each) => each >= 400 && each < 600);
}

/** An error as it is if it has a message; otherwise one that says the same. */
function toError(error: unknown): unknown {
  const fields = fieldsOf(error);
  if (!fields || textOf(fields['message'])) return error;
  const status = statusIn(fields);
  const message = reasonIn(fields) ?? JSON.stringify(fields);
  return { message, ...(status !== undefined && { code: status }) };
}

const isNothing = (error: unknown): boolean => {
  const fields = fieldsOf(error);
  return fields !== undefined && Object.keys(fields).length === 0;
};

function isError(fields: Fields): boolean {
  if (fields['object'] === 'error' || fields['type'] === 'error') return true;
  if (['detail', 'errors', 'error_msg', 'error_message'].some((field) => fields[field])) return true;
  return reasonIn(fields['message'] ?? fields['msg']) !== undefined && MARKS.some((mark) => mark in fields);
}

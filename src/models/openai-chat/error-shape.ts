import { type Fields, fieldsOf } from './fields.js';

/** Fields beside a message that make an object without choices an error. */
const MARKS = ['code', 'status', 'status_code', 'error_code', 'type', 'error_type', 'success'];
/** Fields that only an error has. */
const SIGNS = ['detail', 'errors', 'error_msg', 'error_message'];

/** An error that an event or a body reports, as it stands in it; undefined if it reports none. */
export function errorIn(value: unknown): unknown {
  const fields = fieldsOf(Array.isArray(value) ? value[0] : value);
  if (!fields) return undefined;
  const { error } = fields;
  if (error) return isNothing(error) ? undefined : error;
  if (Array.isArray(fields['choices'])) return undefined;
  return isError(fields) ? fields : undefined;
}

const isNothing = (error: unknown): boolean => {
  const fields = fieldsOf(error);
  return fields !== undefined && Object.keys(fields).length === 0;
};

function isError(fields: Fields): boolean {
  if (fields['object'] === 'error' || fields['type'] === 'error') return true;
  if (SIGNS.some((field) => fields[field])) return true;
  return typeof (fields['message'] ?? fields['msg']) === 'string' && MARKS.some((mark) => mark in fields);
}

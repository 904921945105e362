/** An object of a foreign shape. */
export type Fields = Readonly<Record<string, unknown>>;

export const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null ? (value as Fields) : undefined;

/** A foreign value as a text; '' for any other type: a number as text would break the count of characters. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

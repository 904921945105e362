import type { z } from 'zod';
import { cutText } from '../common/text.js';

/** A refused configuration. The message has one line for each bad value. */
export class InvalidConfig extends Error {
  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.name = 'InvalidConfig';
  }
}

/** One line for each value that the schema refuses: the key, the value and what is allowed. */
export function describeIssues(error: z.ZodError, input: unknown): string[] {
  const lines = error.issues.map((issue) => {
    const key = issue.path.map(String).join('.');
    const value = issue.path.reduce<unknown>(
      (at, step) => (Object(at) as Record<PropertyKey, unknown>)[step],
      input,
    );
    return `${key || 'The configuration'} is ${show(key, value)}, but must be ${issue.message}.`;
  });
  return [...new Set(lines)];
}

/** A value for a message: short, and without secrets. */
function show(key: string, value: unknown): string {
  if (isSecret(key)) return '***';
  const json = jsonOf(value) ?? typeof value;
  const withoutUsers = json.replace(/\/\/[^/?#\s"]*@/g, '//***@');
  return withoutUsers.length > 200 ? `${cutText(withoutUsers, 200)}…` : withoutUsers;
}

const isSecret = (name: string): boolean => /key|token|secret|password|\bauth$/i.test(name);

/** JSON without secrets; undefined for a value that JSON cannot hold. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (name, each: unknown) => {
      if (isSecret(name)) return '***';
      return typeof each === 'bigint' ? Number(each) : each;
    });
  } catch {
    return 'an object that contains itself'; // possible in YAML, with an alias
  }
}

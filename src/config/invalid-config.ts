import type { z } from 'zod';

/** The configuration was refused. Its message has one line for each bad value. */
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

/** A value as one line may show it: short, and without anything secret in it. */
function show(key: string, value: unknown): string {
  const mask = (name: string, each: unknown) =>
    /key|token|secret|password|\bauth$/i.test(name) ? '***' : each;
  if (mask(key, value) === '***') return '***';
  const json = typeof value === 'bigint' ? String(value) : (JSON.stringify(value, mask) ?? typeof value);
  const withoutUsers = json.replace(/\/\/[^/?#\s"]*@/g, '//***@');
  return withoutUsers.length > 200 ? `${withoutUsers.slice(0, 200)}…` : withoutUsers;
}

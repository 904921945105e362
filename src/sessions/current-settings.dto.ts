/** Runtime settings of a session: their schema, and their values. */
export interface CurrentSettingsDto {
  /** JSON Schema of what a client may set. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly currentValues: Readonly<Record<string, unknown>>;
}

/** @param set what the session has set; the rest has the schema's defaults */
export const toCurrentSettingsDto = (
  schema: Readonly<Record<string, unknown>>,
  set: Readonly<Record<string, unknown>> | null = null,
): CurrentSettingsDto => ({ schema, currentValues: { ...defaultsOf(schema), ...set } });

/** The `default` of each property of an object's JSON Schema. */
function defaultsOf({ properties }: Readonly<Record<string, unknown>>): Record<string, unknown> {
  if (typeof properties !== 'object' || properties === null) return {};
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([, property]) => typeof property === 'object' && property !== null && 'default' in property)
      .map(([name, property]) => [name, (property as { default: unknown }).default]),
  );
}

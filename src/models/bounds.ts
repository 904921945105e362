/** Maximum of tool calls in one answer. The first call beyond gets an error as its result, later ones are dropped. */
export const MAX_CALLS_PER_ANSWER = 128;

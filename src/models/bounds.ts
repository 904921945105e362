/** Tool calls that one answer may hold. The first beyond it is refused in words, those after it are not looked at. */
export const MAX_CALLS_PER_ANSWER = 128;

/**
 * Drops what is printed where nobody reads any more, as after `… | head -1` or at a terminal that is gone. An error of
 * a standard stream would otherwise end the process, with all its runs.
 */
export function dropUnreadOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

/**
 * Rejects with the signal's reason as soon as it aborts, whatever `work` goes on doing. What `work` throws after that
 * is heard and dropped: a rejection that nobody hears ends the process.
 */
export function abortable<T>(work: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    const settled = () => signal.removeEventListener('abort', onAbort);
    work.then(
      (value) => {
        settled();
        resolve(value);
      },
      (error: unknown) => {
        settled();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

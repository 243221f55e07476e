import type { Clock } from '../../src/ports/system.ts'

/** `Clock.sleep`, for clocks of tests that have `after`. */
export function sleep(clock: Pick<Clock, 'after'>, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const cancel = clock.after(ms, wake)
    function wake(): void {
      cancel()
      signal?.removeEventListener('abort', wake)
      resolve()
    }
    signal?.addEventListener('abort', wake)
  })
}

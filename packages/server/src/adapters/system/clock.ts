import type { Cancel, Clock } from '../../ports/system.ts'

/** Above this Node's timers fire at once instead of late. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** The machine's clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep,
  after,
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  if (ms <= 0) return new Promise((resolve) => setImmediate(resolve))
  return new Promise((resolve) => {
    const timer = setTimeout(done, Math.min(ms, TIMER_MS_MAX))
    function done(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    signal?.addEventListener('abort', done)
  })
}

function after(ms: number, call: () => void): Cancel {
  const timer = setTimeout(call, Math.min(ms, TIMER_MS_MAX)).unref()
  return () => clearTimeout(timer)
}

import type { Clock, Random } from './platform.ts'

/**
 * Makes UUIDv7s (RFC 9562, 5.7) that rise strictly: the 12 bits behind the time are a counter that begins at a random place in its
 * lower half (6.2, method 1). A clock that goes back is not followed, and a counter that runs over borrows the next millisecond.
 */
export function clientIds(clock: Pick<Clock, 'now'>, random: Pick<Random, 'fill'>): () => string {
  let lastMs = -1
  let counter = 0
  return () => {
    const bytes = new Uint8Array(16)
    random.fill(bytes)
    const now = clock.now()
    if (now > lastMs) {
      lastMs = now
      counter = (((bytes[6] ?? 0) << 8) | (bytes[7] ?? 0)) & 0x7ff
    } else if (++counter > 0xfff) {
      lastMs++
      counter = 0
    }
    return format(lastMs, counter, bytes)
  }
}

function format(ms: number, counter: number, bytes: Uint8Array): string {
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
  const tail = Array.from(bytes.subarray(8), (byte) => byte.toString(16).padStart(2, '0')).join('')
  const time = Math.trunc(ms).toString(16).padStart(12, '0')
  const version = (0x7000 | counter).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}-${tail.slice(0, 4)}-${tail.slice(4)}`
}

const ENCODER = new TextEncoder()
const SLAB_BYTES = 64 << 10
/** A text that could take more of a slab than this gets memory of its own. */
const SHARE_BYTES_MAX = SLAB_BYTES >> 3

let slab = new Uint8Array(SLAB_BYTES)
let used = 0

/**
 * A text as bytes. Small ones are cut from one piece of memory: a buffer for each message costs more than its text, once when it
 * is made and again when it is collected.
 */
export function utf8(text: string): Uint8Array {
  const bytesMax = 3 * text.length
  if (bytesMax > SHARE_BYTES_MAX) return ENCODER.encode(text)
  if (used + bytesMax > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES)
    used = 0
  }
  const begin = used
  used += ENCODER.encodeInto(text, slab.subarray(begin)).written
  return slab.subarray(begin, used)
}

/** Begins an escape; itself escaped. The order of escapes is that of what they stand for. */
const MARK = '\u0001'

/**
 * A text as every engine stores it: some refuse U+0000 in strings, and half a surrogate pair has no UTF-8. Texts keep their order and stay
 * readable: only U+0000, U+0001 and halves of pairs are written in another way.
 */
export function encodeText(text: string): string {
  if (text.isWellFormed() && !/[\0\u0001]/.test(text)) return text
  return text.replace(/[\0\u0001]|\p{Surrogate}/gu, (unit) => {
    if (unit === '\0') return `${MARK}1`
    if (unit === MARK) return `${MARK}2`
    return `${MARK}3${unit.charCodeAt(0).toString(16)}`
  })
}

/** What `encodeText` was given; undefined where the text cannot have come from it. */
export function decodeText(text: string): string | undefined {
  if (!text.includes(MARK)) return text
  if (/\u0001(?!1|2|3d[89a-f][0-9a-f]{2})/.test(text)) return undefined
  return text.replace(/\u0001(?:1|2|3(.{4}))/g, (written, half: string | undefined) => {
    if (half !== undefined) return String.fromCharCode(Number.parseInt(half, 16))
    return written.endsWith('1') ? '\0' : MARK
  })
}

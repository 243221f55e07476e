/** The length of a text in bytes of UTF-8, without encoding it. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    // A surrogate pair is two units and four bytes: each unit adds one byte to the one counted already.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2
  }
  return bytes
}

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/** Whether a text has 1 to `bytesMax` bytes and is valid Unicode (no lone surrogates). */
export function isText(text: string, bytesMax: number): boolean {
  if (text.length === 0 || text.length > bytesMax) return false
  // Four bytes a unit can never be reached, so most texts need no counting.
  return (text.length * 3 <= bytesMax || utf8Length(text) <= bytesMax) && text.isWellFormed()
}

/** Whether this may be an id: 1 to `bytesMax` bytes, valid Unicode, no control characters. Never trimmed, never folded. */
export function isId(id: string, bytesMax: number): boolean {
  return isText(id, bytesMax) && !CONTROL.test(id)
}

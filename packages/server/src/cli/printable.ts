/** What a terminal would obey instead of showing: control characters, line separators, and marks that turn text around. */
const COMMANDING = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]/g
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** A text that came from somebody else, made safe to print: nothing in it can move the cursor or hide what follows. */
export function printable(text: string): string {
  return text.replace(COMMANDING, (character) => NAMED[character] ?? escaped(character.charCodeAt(0)))
}

function escaped(code: number): string {
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
/** Two columns: emoji, and the East Asian wide and full-width blocks (Unicode Annex 11). */
const WIDE =
  /^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}])/u
/** One column for each character, and nothing else, as nearly all text is. */
const PLAIN = /^[\x20-\x7e]*$/

/** How many columns of a terminal a printable text takes. */
export function columnsOf(text: string): number {
  if (PLAIN.test(text)) return text.length
  let columns = 0
  for (const { segment } of GRAPHEMES.segment(text))
    columns += WIDE.test(segment) ? 2 : /^[\p{Mn}\p{Me}\p{Cf}]/u.test(segment) ? 0 : 1
  return columns
}

/** The text, blanks after it (or before it, `right`), `columns` wide; a longer one is cut, and says so. */
export function fitted(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const width = columnsOf(text)
  if (width > columns) return `${fitted(cut(text, columns - 1), columns - 1)}…`
  const blanks = ' '.repeat(columns - width)
  return align === 'left' ? text + blanks : blanks + text
}

function cut(text: string, columns: number): string {
  let taken = ''
  let width = 0
  for (const { segment } of GRAPHEMES.segment(text)) {
    width += columnsOf(segment)
    if (width > columns) break
    taken += segment
  }
  return taken
}

export type Piece = { readonly text: string; readonly href: string | undefined }

const ADDRESS = /https?:\/\/[^\s<>"'`\u0000-\u001f\u3000-\u303f\uff00-\uff5e]+/giu
/** What ends a sentence rather than an address. */
const TRAILING = /[.,;:!?…]+$/
const CLOSING: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' }

/** Cuts a text into plain pieces and web addresses. Joined, the pieces are the text again. */
export function pieces(text: string): readonly Piece[] {
  const found: Piece[] = []
  let end = 0
  for (const { 0: match, index } of text.matchAll(ADDRESS)) {
    const address = trimmed(match)
    if (!URL.canParse(address)) continue
    if (index > end) found.push({ text: text.slice(end, index), href: undefined })
    found.push({ text: address, href: address })
    end = index + address.length
  }
  if (end < text.length) found.push({ text: text.slice(end), href: undefined })
  return found
}

/** Without the punctuation around it; a closing bracket stays where the address itself opens one. */
function trimmed(address: string): string {
  const plain = address.replace(TRAILING, '')
  const closing = plain.at(-1) ?? ''
  const opening = CLOSING[closing]
  if (opening === undefined || plain.split(opening).length >= plain.split(closing).length) return plain
  return trimmed(plain.slice(0, -1))
}

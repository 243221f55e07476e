/**
 * Text → tokens: the one function by which indexing, querying and highlighting agree, whatever the engine.
 * A token is a character of a script written without spaces, a run of other letters, digits and marks, or one pictograph. It holds
 * nothing else, because engines part what they are given at blanks and punctuation, each in its own way.
 */

const TOKEN_UNITS_MAX = 64
const ASCII = /^[\0-\x7f]*$/
const ASCII_TOKEN = /[a-z0-9_]+/g
const CJK = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}ー々〇ｰ`
/** Voiced sound marks belong to the kana before them. */
const SOUND_MARKS = String.raw`[\u3099\u309a\uff9e\uff9f]*`
/** A mark belongs to a letter or a number: alone it is how something is shown, as the red of ❤️ is. */
const RUN = String.raw`[[\p{L}\p{N}_]--[${CJK}]][[\p{L}\p{N}\p{M}_]--[${CJK}]]*`
const TOKEN = new RegExp(String.raw`([${CJK}])${SOUND_MARKS}|${RUN}|\p{Extended_Pictographic}`, 'gv')
const IS_RUN = new RegExp(`^${RUN}$`, 'v')
/** Accents of Latin, Greek and Cyrillic only: dropping every mark would turn が into か. */
const ACCENTS = /[\u0300-\u036f]/g
const PLAIN: Readonly<Record<string, string>> = {
  đ: 'd',
  ð: 'd',
  ł: 'l',
  ø: 'o',
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ı: 'i',
  ς: 'σ',
}
/** Kana, ideographs and syllables that are their own folded form: most of a text in these scripts. */
const FOLDED = /[\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]/
const HAS_PLAIN = /[đðłøßæœıς]/g
const NOTHING: readonly string[] = []
const CHARACTERS = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** The folded tokens of a text, in its order. */
export function tokens(text: string): readonly string[] {
  if (ASCII.test(text)) return asciiTokens(text)
  const found: string[] = []
  for (const [token] of text.normalize('NFC').matchAll(TOKEN)) pushFolded(found, token)
  return found
}

/**
 * What a query looks for: every phrase, and the tokens of a phrase next to each other.
 * Adjacent characters of a script without spaces are one phrase; any other token is a phrase of its own.
 */
export function phrases(query: string): readonly (readonly string[])[] {
  if (ASCII.test(query)) return asciiTokens(query).map((token) => [token])
  const found: string[][] = []
  let end = -1
  for (const match of query.normalize('NFC').matchAll(TOKEN)) {
    const [token, unspaced] = match
    const last = found.at(-1)
    if (unspaced !== undefined && match.index === end && last !== undefined) pushFolded(last, token)
    else {
      const phrase: string[] = []
      pushFolded(phrase, token)
      if (phrase.length > 0) found.push(phrase)
    }
    end = unspaced === undefined ? -1 : match.index + token.length
  }
  return found
}

/** A token of a text, where it stands there. */
export interface Located {
  readonly folded: string
  /** With its marks, where folding took some: `đường` is found by `duong`, but ranks higher for whoever typed the marks. */
  readonly exact: string | undefined
  /** In UTF-16 units of the text as it was given, the end exclusive. */
  readonly start: number
  readonly end: number
}

/** The tokens of a text, with where each stands. What stands for several gives several of one place. */
export function locate(text: string): readonly Located[] {
  const { composed, placeOf } = compose(text)
  const found: Located[] = []
  for (const match of composed.matchAll(TOKEN)) {
    const [token] = match
    const [start, end] = placeOf(match.index, match.index + token.length)
    const folded: string[] = []
    pushFolded(folded, token)
    const exact = exactOf(token, folded)
    for (const one of folded) found.push({ folded: one, exact, start, end })
  }
  return found
}

/** The tokens of a text, and each once the exact forms of those whose folding took something away: what is indexed. */
export function indexable(text: string): { readonly tokens: readonly string[]; readonly exact: readonly string[] } {
  if (ASCII.test(text)) return { tokens: asciiTokens(text), exact: NOTHING }
  const found: string[] = []
  const exact = new Set<string>()
  for (const [token] of text.normalize('NFC').matchAll(TOKEN)) {
    const before = found.length
    pushFolded(found, token)
    const kept = exactOf(token, found.slice(before))
    if (kept !== undefined) exact.add(kept)
  }
  return { tokens: found, exact: [...exact] }
}

/** With its marks, where folding took some from it and left one token. */
function exactOf(token: string, [folded, ...others]: readonly string[]): string | undefined {
  if (folded === undefined || folded === token || others.length > 0 || ASCII.test(token)) return undefined
  const exact = cut(token.normalize('NFKC').toLowerCase().normalize('NFC'))
  return exact === folded || !IS_RUN.test(exact) ? undefined : exact
}

/** In normal form C, and how places in that are places in the text as it was: they differ only where something was composed. */
function compose(text: string): {
  composed: string
  placeOf: (start: number, end: number) => readonly [start: number, end: number]
} {
  const composed = text.normalize('NFC')
  if (composed === text) return { composed, placeOf: (start, end) => [start, end] }
  // Nothing is composed across the bounds of what people see as one character.
  const starts: number[] = []
  const ends: number[] = []
  for (const { segment, index } of CHARACTERS.segment(text)) {
    for (let unit = segment.normalize('NFC').length; unit > 0; unit--) {
      starts.push(index)
      ends.push(index + segment.length)
    }
  }
  return { composed, placeOf: (start, end) => [starts[start] ?? 0, ends[end - 1] ?? text.length] }
}

function asciiTokens(text: string): readonly string[] {
  const found = text.toLowerCase().match(ASCII_TOKEN) ?? NOTHING
  return found.some(isLong) ? found.map(cut) : found
}

function pushFolded(found: string[], token: string): void {
  const folded = fold(token)
  if (folded === token || IS_RUN.test(folded)) found.push(cut(folded))
  // What stands for several characters may stand for several tokens, or for none: ½ is 1 and 2, ⑴ is 1, ‼ is punctuation.
  else for (const [part] of folded.matchAll(TOKEN)) found.push(cut(part))
}

/** Without case, width and accents: `Đường` and `duong` are one token. */
function fold(token: string): string {
  if (token.length === 1 && FOLDED.test(token)) return token
  if (ASCII.test(token)) return token.toLowerCase()
  const bare = token.normalize('NFKC').toLowerCase().normalize('NFD').replace(ACCENTS, '')
  // Composed again at the end, or a Hangul syllable would stay in pieces.
  return bare.replace(HAS_PLAIN, (letter) => PLAIN[letter] ?? letter).normalize('NFC')
}

function isLong(token: string): boolean {
  return token.length > TOKEN_UNITS_MAX
}

/** Cut at a bound, but never through a surrogate pair. */
function cut(token: string): string {
  if (!isLong(token)) return token
  const last = token.charCodeAt(TOKEN_UNITS_MAX - 1)
  return token.slice(0, last >= 0xd800 && last <= 0xdbff ? TOKEN_UNITS_MAX - 1 : TOKEN_UNITS_MAX)
}

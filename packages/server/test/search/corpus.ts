import assert from 'node:assert/strict'
import { createReadStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createGunzip, gunzipSync } from 'node:zlib'
import { documentsOf } from '../../src/core/indexed.ts'
import { wantedOf } from '../../src/core/wanted.ts'
import { compareHits, type SearchHit, type SearchIndex } from '../../src/ports/search.ts'
import { seeded } from '../worker/scene.ts'

/** One message of the corpus, as it is indexed and as it is scanned. */
interface Line {
  readonly room: string
  readonly seq: number
  readonly sender: string
  readonly at: number
  readonly text: string
  /** What the scan looks at: the text without case, width and the marks of Latin letters. */
  readonly plain: string
}

export interface Query {
  readonly text: string
  readonly isPrefix: boolean
}

const EXCERPT = fileURLToPath(new URL('../data/irc-5000.jsonl.gz', import.meta.url))
const SENTENCES = fileURLToPath(new URL('../data/sentences.json', import.meta.url))
/** A folder with `irc.jsonl.gz`, `vietnamese.txt.gz` and `japanese.txt.gz` for those who want to search more. */
const FOLDER = process.env.HFTEST_SEARCH_DATA || undefined

const UNSPACED = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}ー々〇`
/** How often a word is there, at most: as many queries are drawn from each band. */
const BANDS = [1, 4, 20, 100, 1_000, Number.POSITIVE_INFINITY]

export class Corpus {
  readonly lines: readonly Line[]
  readonly rooms: readonly string[]

  static async read(): Promise<Corpus> {
    const lines: Omit<Line, 'seq' | 'plain'>[] = []
    for await (const line of linesOf(FOLDER === undefined ? EXCERPT : join(FOLDER, 'irc.jsonl.gz'))) {
      const { room, sender, at, text } = JSON.parse(line)
      lines.push({ room, sender, at: Date.parse(at), text })
    }
    for (const language of ['vietnamese', 'japanese'] as const)
      for (const [i, text] of sentences(language).entries())
        lines.push({ room: language, sender: language, at: 1_700_000_000_000 + Math.floor(i / 3), text })
    return new Corpus(lines)
  }

  private constructor(said: readonly Omit<Line, 'seq' | 'plain'>[]) {
    const heads = new Map<string, number>()
    this.lines = said.map((line) => {
      const seq = (heads.get(line.room) ?? 0) + 1
      heads.set(line.room, seq)
      return { ...line, seq, plain: plainOf(line.text) }
    })
    this.rooms = [...heads.keys()]
  }

  async index(search: SearchIndex): Promise<void> {
    for (let from = 0; from < this.lines.length; from += 500) {
      const documents = this.lines.slice(from, from + 500).flatMap(({ room, seq, sender, at, text }) => {
        const entry = { room, seq, id: `${room}/${seq}`, sender, at, content: { kind: 'message', text } }
        return documentsOf(entry, 1)
      })
      assert.deepEqual(await search.write({ documents, heads: new Map(), through: undefined }), [])
    }
    await search.refresh()
  }

  /** Words of every frequency, two at once, beginnings of words, Vietnamese with and without marks, and parts of Japanese. */
  queries(count: number, seed: number): readonly Query[] {
    const random = seeded(seed)
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random.next() * from.length)] as T
    const words = this.#wordsByBand()
    const spoken = (room: string) => this.lines.filter((line) => line.room === room)
    const kinds: (() => Query)[] = [
      ...words.map((band) => () => whole(pick(band))),
      () => whole(`${pick(pick(words))} ${pick(words.at(-1) ?? [])}`),
      () =>
        whole(
          pick(
            pick(this.lines)
              .text.split(/\s+/)
              .filter((word) => word !== ''),
          ) ?? 'a',
        ),
      () => beginning(pick(pick(words)).slice(0, 2 + Math.floor(random.next() * 4))),
      () => whole(someWords(pick(spoken('vietnamese')).text, random.next(), 2)),
      () => whole(plainOf(someWords(pick(spoken('vietnamese')).text, random.next(), 2))),
      () => whole(part(pick(spoken('japanese')).text, random.next(), 1 + Math.floor(random.next() * 4))),
    ]
    return Array.from({ length: count }, (_, i) => kinds[i % kinds.length]?.() ?? whole('a'))
  }

  /** Every line that holds what is asked for, by looking at each. */
  scan({ text, isPrefix }: Query): readonly string[] {
    const patterns = piecesOf(plainOf(text)).map((piece, i, { length }) =>
      patternOf(piece, isPrefix && i === length - 1),
    )
    if (patterns.length === 0) return []
    return this.lines.filter(({ plain }) => patterns.every((pattern) => pattern.test(plain))).map(placeOf)
  }

  /** The words of the corpus by how often they are in it: from what the scan sees, not from what is indexed. */
  #wordsByBand(): readonly (readonly string[])[] {
    const counts = new Map<string, number>()
    for (const { plain } of this.lines)
      for (const [word] of plain.matchAll(new RegExp(`[[\\p{L}\\p{N}_]--[${UNSPACED}]]+`, 'gv')))
        counts.set(word, (counts.get(word) ?? 0) + 1)
    return BANDS.map((max, i) => {
      const min = BANDS[i - 1] ?? 0
      return [...counts].filter(([word, n]) => n > min && n <= max && word.length <= 40).map(([word]) => word)
    }).filter((band) => band.length > 0)
  }
}

/** All hits of a query, page after page, as places in the order they came. */
export async function search(index: SearchIndex, rooms: readonly string[], query: Query): Promise<readonly string[]> {
  const wanted = wantedOf(query.text, { order: 'newest', isPrefix: query.isPrefix })
  const found: SearchHit[] = []
  for (;;) {
    const request = { ...wanted, rooms, sender: undefined, after: found.at(-1), hitsMax: 5_000 }
    const { hits, partial } = await index.query(request)
    assert.equal(partial, false)
    found.push(...hits)
    if (hits.length < 5_000) break
  }
  assert.deepEqual(found, [...found].sort(compareHits), `the order of ${JSON.stringify(query)}`)
  return found.map(placeOf)
}

function whole(text: string): Query {
  return { text, isPrefix: false }
}

/** One letter begins too many words: it stands for itself. */
function beginning(text: string): Query {
  return { text, isPrefix: text.length > 1 }
}

function placeOf({ room, seq }: { readonly room: string; readonly seq: number }): string {
  return `${room}#${seq}`
}

/** In another way than `tokens` does it, so that one may judge the other. */
function plainOf(text: string): string {
  const bare = text
    // Accents that stand alone, as in I´m, would become marks without a letter, and ™ letters of the word before it.
    .replace(/\p{Sk}|\p{Extended_Pictographic}/gu, ' $& ')
    .replace(/\p{Sk}/gu, ' ')
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFD')
    .replace(/([\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}])[\u0300-\u036f]+/gu, '$1')
    .normalize('NFC')
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
  return bare.replace(/[đðłøßæœıς]/g, (letter) => PLAIN[letter] ?? letter)
}

/** What has to stand together: words, and runs of characters of scripts without spaces. */
function piecesOf(plain: string): readonly string[] {
  return (
    plain.match(
      new RegExp(
        `[${UNSPACED}]+|[[\\p{L}\\p{N}_]--[${UNSPACED}]][[\\p{L}\\p{N}\\p{M}_]--[${UNSPACED}]]*|\\p{Extended_Pictographic}`,
        'gv',
      ),
    ) ?? []
  )
}

/** Between the characters of a script without spaces punctuation and blanks do not count, as between words. */
const BETWEEN = String.raw`[[^\p{L}\p{N}\p{M}_]--\p{Extended_Pictographic}]*`
const INSIDE = `[[\\p{L}\\p{N}\\p{M}_]--[${UNSPACED}]]`

function patternOf(piece: string, isPrefix: boolean): RegExp {
  const characters = [...piece].map((character) => character.replace(/[\\^$.*+?()[\]{}|]/, '\\$&'))
  if (!new RegExp(`^${INSIDE}`, 'v').test(piece)) return new RegExp(characters.join(BETWEEN), 'v')
  return new RegExp(`(?<!${INSIDE})${characters.join('')}${isPrefix ? '' : `(?!${INSIDE})`}`, 'v')
}

function someWords(text: string, at: number, count: number): string {
  const words = text.split(/\s+/).filter((word) => /\p{L}/u.test(word))
  const start = Math.floor(at * Math.max(1, words.length - count))
  return words.slice(start, start + count).join(' ')
}

function part(text: string, at: number, length: number): string {
  const characters = [...text]
  const start = Math.floor(at * Math.max(1, characters.length - length))
  return characters.slice(start, start + length).join('')
}

function sentences(language: 'vietnamese' | 'japanese'): readonly string[] {
  const text =
    FOLDER === undefined
      ? (JSON.parse(readFileSync(SENTENCES, 'utf8'))[language] as string[]).join('\n')
      : gunzipSync(readFileSync(join(FOLDER, `${language}.txt.gz`))).toString()
  return text.split('\n').filter((line) => line !== '')
}

function linesOf(file: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(file).pipe(createGunzip()) })
}

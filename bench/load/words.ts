import { type Frames, refOf } from './messages.ts'
import { textFrame } from './socket.ts'

const WORDS = 50_000
const WORDS_MIN = 8
const WORDS_MAX = 16
const CONSONANTS = 'bdfghjklmnprstvz'
const VOWELS = 'aeiou'
const SEED = 20_261_126

/** Words by how often they are said: as in any language, the one of rank n about a n-th as often as the first. The same ones in each run. */
export class Vocabulary {
  readonly #words: readonly string[]
  /** How often one of these or of a lower rank is said, of all. */
  readonly #through = new Float64Array(WORDS)

  constructor() {
    const random = randomFrom(SEED)
    const words = new Set<string>()
    while (words.size < WORDS) words.add(newWord(random))
    this.#words = [...words]
    let sum = 0
    for (let i = 0; i < WORDS; i++) {
      sum += 1 / (i + 1)
      this.#through[i] = sum
    }
    for (let i = 0; i < WORDS; i++) this.#through[i] = (this.#through[i] ?? 0) / sum
  }

  /** From 1 on. */
  ofRank(rank: number): string {
    return this.#words[rank - 1] ?? ''
  }

  text(random: () => number): string {
    const length = WORDS_MIN + Math.floor(random() * (WORDS_MAX - WORDS_MIN + 1))
    let text = this.#draw(random)
    for (let i = 1; i < length; i++) text += ` ${this.#draw(random)}`
    return text
  }

  #draw(random: () => number): string {
    const share = random()
    let [low, high] = [0, WORDS - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#through[middle] ?? 0) < share) low = middle + 1
      else high = middle
    }
    return this.#words[low] ?? ''
  }
}

/** The `send` frames of one room whose texts are words of a vocabulary, numbered from 0: each is to be asked for once, in order. */
export class WordMessages implements Frames {
  readonly #room: string
  readonly #vocabulary: Vocabulary
  readonly #random: () => number

  constructor(room: string, vocabulary: Vocabulary, seed: number) {
    this.#room = room
    this.#vocabulary = vocabulary
    this.#random = randomFrom(seed)
  }

  frames(first: number, count: number): Buffer {
    const time = Date.now().toString(16).padStart(12, '0')
    return Buffer.concat(
      Array.from({ length: count }, (_, i) => {
        const clientId = `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${String(first + i).padStart(12, '0')}`
        const text = this.#vocabulary.text(this.#random)
        const send = { type: 'send', ref: refOf(first + i), clientId, room: this.#room, text }
        return textFrame(Buffer.from(JSON.stringify(send)))
      }),
    )
  }
}

/** Two to four syllables. */
function newWord(random: () => number): string {
  const pick = (letters: string) => letters[Math.floor(random() * letters.length)] ?? ''
  const syllables = 2 + Math.floor(random() * 3)
  let word = ''
  for (let i = 0; i < syllables; i++) word += pick(CONSONANTS) + pick(VOWELS)
  return random() < 0.5 ? word : word + pick(CONSONANTS)
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

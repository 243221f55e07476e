import { LIMITS } from '@holdfast/protocol'
import type { AnyEntry, PageBounds } from '../timeline.ts'
import type { ImportLine } from './line.ts'

/**
 * What a room held before this run, read beside the file: both have the same order, so a page at a time is enough, and two
 * hundred lines that are there cost one request instead of two hundred. It may overlook a line, which is then sent, and adopted by
 * the server; it never takes a line for stored that is not.
 */
export class EarlierEntries {
  readonly #readPage: (bounds: PageBounds) => Promise<readonly AnyEntry[]>
  #page: readonly AnyEntry[] = []
  #next = 0
  #after = 0
  #isAtEnd = false

  constructor(readPage: (bounds: PageBounds) => Promise<readonly AnyEntry[]>) {
    this.#readPage = readPage
  }

  /** Nothing more will be found. */
  get isAtEnd(): boolean {
    return this.#isAtEnd
  }

  /** Whether the entry of this id is there, behind those found before, and says what the line says. */
  async has(id: string, line: ImportLine): Promise<boolean> {
    while (!this.#isAtEnd) {
      const at = this.#page.findIndex((entry, i) => i >= this.#next && entry.id === id)
      const entry = this.#page[at]
      if (entry !== undefined) {
        this.#next = at + 1
        return says(entry, line)
      }
      await this.#turn()
    }
    return false
  }

  async #turn(): Promise<void> {
    this.#page = await this.#readPage({ after: this.#after, limit: LIMITS.pageEntriesMax })
    this.#next = 0
    this.#after = this.#page.at(-1)?.seq ?? this.#after
    this.#isAtEnd = this.#page.length === 0
  }
}

/** An id that was used for something else is for the server to refuse. */
function says(entry: AnyEntry, { text, at }: ImportLine): boolean {
  return 'text' in entry && entry.text === text && (at === undefined || entry.at === at)
}

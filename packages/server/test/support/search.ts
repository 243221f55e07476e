import { wantedOf } from '../../src/core/wanted.ts'
import type { SearchQuery } from '../../src/ports/search.ts'

/** A query for the first page of the newest messages that hold these words. */
export function looking(words: string): Omit<SearchQuery, 'rooms' | 'hitsMax'> {
  return { ...wantedOf(words, { order: 'newest', isPrefix: false }), sender: undefined, after: undefined }
}

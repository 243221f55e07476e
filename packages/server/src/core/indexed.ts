import type { SearchDocument } from '../ports/search.ts'
import type { EntryDocument } from '../ports/store.ts'
import { indexable } from './tokens.ts'

/*
 * How two tellings of one place compare: history may have been restored in between, which makes the later epoch right whatever the other says.
 * One number each, so that an index needs to know nothing of epochs: the higher one wins.
 */
const SEQS = 2 ** 32
const REVISIONS = 2 ** 20

/** How far a room is indexed: through `seq`, of the history of this epoch. */
export function indexHead(epoch: number, seq: number): number {
  return epoch * SEQS + seq
}

/** Through which seq of this epoch's history a room is indexed: what was written under an earlier one may be gone. */
export function indexedSeq(head: number | undefined, epoch: number): number {
  return head !== undefined && Math.floor(head / SEQS) >= epoch ? head % SEQS : 0
}

/** What search knows of an entry, as it is told in this epoch: nothing, where it has no text. */
export function documentsOf({ content, ...entry }: Said, epoch: number): SearchDocument[] {
  if (content.kind !== 'message' || content.text === undefined) return []
  const { room, seq, id, sender, at } = entry
  const { tokens, exact } = indexable(content.text)
  const text = { tokens: tokens.join(' '), exact: exact.join(' ') }
  return [{ room, seq, id, sender, at, version: epoch * REVISIONS, ...text }]
}

type Said = Pick<EntryDocument, 'room' | 'seq' | 'id' | 'sender' | 'at'> & {
  readonly content: { readonly kind: string; readonly text?: string }
}

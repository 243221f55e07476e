import { ERRORS } from '@holdfast/protocol'
import { claimRecord, storedRecord } from '../core/feed.ts'
import type { Outcome } from '../core/outcome.ts'
import type { LogRecord } from '../ports/log.ts'
import type { LetterDocument } from '../ports/store.ts'
import { type Item, letterRecord } from './item.ts'

/** What the ends of a batch owe, in the order in which it is paid: dead letters, feed, then the commit of what is finished. */
export class Debts {
  readonly letters: LetterDocument[] = []
  readonly letterRecords: LogRecord[] = []
  readonly feed: LogRecord[] = []
  readonly finished: Item[] = []
  readonly waiting: { readonly item: Item; readonly awaits: string | undefined }[] = []
}

/** What an end owes: the only place that knows. Claims, entries and letters are in the store already. */
export function settle(debts: Debts, item: Item, outcome: Outcome, epoch: number): void {
  switch (outcome.end) {
    case 'stored':
      // Adopted ones too: a crash may have eaten the first publication.
      debts.feed.push(storedRecord(outcome.entry, epoch))
      debts.finished.push(item)
      return
    case 'refused':
      debts.feed.push(claimRecord(outcome.claim, epoch))
      debts.finished.push(item)
      return
    case 'reused': {
      const { room, id, digest } = outcome.command
      const { message } = ERRORS.ID_REUSED
      // With its own digest, so that the waiter of the other command with this id is not answered by it.
      debts.feed.push(claimRecord({ end: 'refused', room, id, digest, code: 'ID_REUSED', message }, epoch))
      debts.finished.push(item)
      return
    }
    case 'dead':
      debts.letters.push(outcome.letter)
      debts.letterRecords.push(letterRecord(outcome.letter))
      debts.feed.push(claimRecord(outcome.claim, epoch))
      debts.finished.push(item)
      return
    case 'waiting':
      debts.waiting.push({ item, awaits: outcome.doubt === 'behind' ? undefined : outcome.doubt.user })
      return
  }
  outcome satisfies never
}

import type { Entry, HistoryEvent } from '../history.ts'
import type { Operation } from '../operations.ts'
import type { Rule } from '../rule.ts'
import type { Run } from '../run.ts'

/** I2: history, pushes, pages and hits hold only what was sent: this content, by this sender, to this room. */
export const phantom: Rule = {
  name: 'phantom',
  invariant: 'I2',
  needs: [],
  *check(run) {
    const known = new Set<string>()
    for (const { room, entry, event } of shown(run)) {
      if (known.has(entry.id) || run.operations.ofEntry(room, entry) !== undefined) continue
      // The right content under a second id is not made up, but doubled.
      if (run.operations.identitiesOf(entry.id).size === 0 && run.operations.isAskedFor(room, entry)) continue
      known.add(entry.id)
      const sent = run.operations.ofId(entry.id)
      const what = sent === undefined ? 'nobody sent it' : `what was sent is ${sent.name} with ${sent.command.hash}`
      const sentence = `${entry.id} with ${entry.hash} of ${entry.sender} stands at ${entry.seq} of ${room}: ${what}`
      yield { sentence, records: sent === undefined ? [event] : [sent.begin.event, event] }
    }
    for (const id of run.final.claims.keys())
      if (!run.poison.has(id) && run.operations.ofId(id) === undefined)
        yield { sentence: `${id} is claimed, and nobody sent it`, records: run.final.read('claims') }
  },
}

/** I2: a command all of whose tries were refused before the log is nowhere. */
export const impossible: Rule = {
  name: 'impossible',
  invariant: 'I2',
  needs: [],
  *check(run) {
    const known = new Set<Operation>()
    for (const { room, entry, event } of shown(run)) {
      const operation = run.operations.ofEntry(room, entry)
      if (operation === undefined || known.has(operation) || !operation.isImpossible) continue
      known.add(operation)
      const sentence = `every try of ${operation.name} failed for certain, and it stands at ${entry.seq}`
      yield { sentence, records: [...failures(operation), event] }
    }
    for (const operation of run.operations.all) {
      const claim = operation.isImpossible ? run.claimOf(operation) : undefined
      if (claim === undefined || run.hasWinningRival(operation)) continue
      const sentence = `every try of ${operation.name} failed for certain, and it is ${claim.end}`
      yield { sentence, records: [...failures(operation), ...run.final.read('claims')] }
    }
  },
}

interface Shown {
  readonly room: string
  readonly entry: Entry
  readonly event: HistoryEvent
}

function* shown(run: Run): Iterable<Shown> {
  for (const reads of run.final.histories.values())
    for (const event of reads) for (const entry of event.entries) yield { room: event.room, entry, event }
  for (const { room, entry, event } of run.sightings) if (entry !== undefined) yield { room, entry, event }
}

function failures({ tries }: Operation): readonly HistoryEvent[] {
  return tries.flatMap(({ failed }) => failed?.event ?? [])
}

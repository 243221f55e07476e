import type { Entry, FinalHistory } from '../history.ts'
import type { Operation } from '../operations.ts'
import { entryOf, keyOf } from '../ordered.ts'
import type { Rule } from '../rule.ts'
import type { Run } from '../run.ts'

/** I3: a command is at most one entry, under one id, in one place; and of the contents of one identity at most one is an entry. */
export const doubled: Rule = {
  name: 'doubled',
  invariant: 'I3',
  needs: ['history'],
  *check(run) {
    const places = new Map<string, { readonly entry: Entry; readonly event: FinalHistory }>()
    for (const [entry, event] of finalEntries(run)) {
      const { room } = event
      const first = entryOf(places, entry.id, () => ({ entry, event }))
      if (first.event !== event || first.entry !== entry) {
        const sentence = `${entry.id} stands at ${first.entry.seq} of ${first.event.room} and at ${entry.seq} of ${room}`
        yield { sentence, records: first.event === event ? [event] : [first.event, event] }
      } else if (run.operations.identitiesOf(entry.id).size === 0 && run.operations.isAskedFor(room, entry)) {
        const sentence = `${entry.hash} of ${entry.sender} stands at ${entry.seq} of ${room} as ${entry.id}, an id that none of its tries was told`
        yield { sentence, records: [event] }
      }
    }
  },
}

/** I3, R7: a replay is a new try of what is dead, so that a command is an entry once, however often it was replayed. */
export const replayed: Rule = {
  name: 'replayed',
  invariant: 'I3',
  needs: ['history'],
  *check(run) {
    for (const operation of run.operations.all) {
      const before = run.operations.replayedBy(operation)
      if (before === undefined || run.placeOf(before) === undefined || run.placeOf(operation) === undefined) continue
      yield {
        sentence: `${before.name} is stored, and so is its replay`,
        records: [...tells(before), ...tells(operation)],
      }
    }
  },
}

/** I3: at a place there is one entry, once. */
export const shared: Rule = {
  name: 'shared',
  invariant: 'I3',
  needs: ['history'],
  *check(run) {
    for (const reads of run.final.histories.values()) {
      for (const event of reads) {
        const bySeq = new Map<number, Entry>()
        for (const entry of event.entries) {
          const first = bySeq.get(entry.seq)
          bySeq.set(entry.seq, entry)
          if (first === undefined) continue
          const sentence = `${first.id} and ${entry.id} both stand at ${entry.seq} of ${event.room}`
          yield { sentence, records: [event] }
        }
      }
    }
  },
}

/** I3: one id for each identity, told to every try of it, and none for two. */
export const named: Rule = {
  name: 'named',
  invariant: 'I3',
  needs: [],
  *check(run) {
    const owners = new Map<string, Operation>()
    for (const { ids, operations } of run.operations.identities) {
      const [operation] = operations.values()
      if (operation === undefined) continue
      if (ids.size > 1)
        yield {
          sentence: `${operation.name} was told ${ids.size} ids: ${[...ids].slice(0, 3).join(', ')}`,
          records: tells(operation),
        }
      for (const id of ids) {
        const owner: Operation = entryOf(owners, id, () => operation)
        if (owner === operation) continue
        const sentence = `${owner.name} and ${operation.name} were told the same id, ${id}`
        yield { sentence, records: [...tells(owner), ...tells(operation)] }
      }
    }
  },
}

function tells({ tries }: Operation) {
  return tries.flatMap(({ begin, accepted, ends }) => [
    begin.event,
    ...(accepted === undefined ? [] : [accepted.event]),
    ...ends.map(({ event }) => event),
  ])
}

/** Every entry of every room's first final read; an entry that is there twice under one seq is one. */
function* finalEntries(run: Run): Iterable<readonly [Entry, FinalHistory]> {
  for (const [event] of run.final.histories.values()) {
    const known = new Set<string>()
    for (const entry of event?.entries ?? []) {
      const key = keyOf(entry.id, entry.seq)
      if (event === undefined || known.has(key)) continue
      known.add(key)
      yield [entry, event]
    }
  }
}

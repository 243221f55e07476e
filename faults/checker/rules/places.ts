import type { FinalHistory, HistoryEvent, Page } from '../history.ts'
import { entryOf, keyOf } from '../ordered.ts'
import type { Rule } from '../rule.ts'
import type { Run } from '../run.ts'

/**
 * I4: in an epoch of a room a place has one id and an id one place, in every answer, push, page, hit and final read. Except what was shown
 * of entries that a restore took before anything but the store told of them: nothing that is left can tell that they ever stood there.
 */
export const places: Rule = {
  name: 'places',
  invariant: 'I4',
  needs: [],
  *check(run) {
    const read = placesRead(run)
    const idAt = new Map<string, Said>()
    const placeOf = new Map<string, Said>()
    for (const said of everySaid(run)) {
      const { room, epoch, seq, id, event } = said
      if (event.type !== 'history' && run.restores.isUnpublished(said)) continue
      const there = entryOf(idAt, keyOf(room, epoch, seq), () => said)
      const here = entryOf(placeOf, keyOf(room, epoch, id), () => said)
      if ((there.id === id && here.seq === seq) || read.has(keyOf(room, epoch, seq, id))) continue
      const sentence =
        there.id === id
          ? `${id} stands at ${here.seq} of ${room} in epoch ${epoch}, and is said to stand at ${seq}`
          : `at ${seq} of ${room} in epoch ${epoch} there is ${there.id}, and ${id} is said to be`
      yield { sentence, records: [there.id === id ? here.event : there.event, event] }
    }
    yield* strayHits(run, idAt.values())
  },
}

interface Said {
  readonly room: string
  readonly epoch: number
  readonly seq: number
  readonly id: string
  readonly event: HistoryEvent
}

function* everySaid(run: Run): Iterable<Said> {
  for (const reads of run.final.histories.values())
    for (const event of reads)
      for (const { seq, id } of event.entries) yield { room: event.room, epoch: event.epoch, seq, id, event }
  for (const { room, epoch, seq, id, event } of run.sightings)
    if (epoch !== undefined) yield { room, epoch, seq, id, event }
}

/** What the first final read shows is so. If it shows an id or a place twice, other rules say so. */
function placesRead(run: Run): ReadonlySet<string> {
  const read = new Set<string>()
  for (const [event] of run.final.histories.values())
    for (const { seq, id } of event?.entries ?? []) read.add(keyOf(event?.room ?? '', event?.epoch ?? 0, seq, id))
  return read
}

/** A hit names no epoch: it has to be right in one of them. Of a room that was set back not all are known. */
function* strayHits(run: Run, said: Iterable<Said>) {
  const idsAt = new Map<string, Map<string, Said>>()
  for (const one of said) entryOf(idsAt, keyOf(one.room, one.seq), () => new Map<string, Said>()).set(one.id, one)
  for (const { room, epoch, seq, id, event } of run.sightings) {
    const there = idsAt.get(keyOf(room, seq))
    const isOpen = run.restores.isEver(room) || run.timelines.finalLine(room) === undefined
    if (epoch !== undefined || there?.has(id) || isOpen) continue
    const [other] = there?.values() ?? []
    yield {
      sentence: `a hit shows ${id} at ${seq} of ${room}, where ${other === undefined ? 'nothing' : other.id} is`,
      records: other === undefined ? [event] : [other.event, event],
    }
  }
}

/** I4: final reads hold 1 to the head without a gap, pages a piece of that, ascending. */
export const gapless: Rule = {
  name: 'gapless',
  invariant: 'I4',
  needs: [],
  *check(run) {
    for (const reads of run.final.histories.values()) {
      for (const event of reads) {
        const missing = missingFrom(event)
        const [first] = missing
        if (first !== undefined)
          yield {
            sentence: `the history of ${event.room} up to ${event.head} lacks ${missing.length} places, from ${first} on`,
            records: [event],
            times: missing.length,
          }
        const beyond = event.entries.find(({ seq }) => seq > event.head || seq < 1)
        if (beyond !== undefined)
          yield {
            sentence: `${event.room} has its head at ${event.head} and an entry at ${beyond.seq}`,
            records: [event],
          }
      }
    }
    for (const { events } of run.sessions.values()) {
      for (const { event } of events) {
        if (event.type !== 'page') continue
        const wrong = wrongPage(event)
        if (wrong !== undefined) yield { sentence: `a page of ${event.room} ${wrong}`, records: [event] }
      }
    }
  },
}

function missingFrom({ head, entries }: FinalHistory): readonly number[] {
  const there = new Set(entries.map(({ seq }) => seq))
  const missing: number[] = []
  // A head far beyond what is there says so at once.
  for (let seq = 1; seq <= head && missing.length <= entries.length; seq++) if (!there.has(seq)) missing.push(seq)
  return missing
}

function wrongPage({ entries, head }: Page): string | undefined {
  let before: number | undefined
  for (const { seq } of entries) {
    if (before !== undefined && seq !== before + 1) return `has ${seq} behind ${before}`
    if (seq < 1 || seq > head) return `up to the head ${head} has an entry at ${seq}`
    before = seq
  }
  return undefined
}

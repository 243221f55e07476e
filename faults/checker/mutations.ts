import type { Entry, HistoryEvent, Push, SessionEvent } from './history.ts'

/** One thing in a good history made wrong, at random. */
export interface Mutation {
  readonly name: string
  /** Undefined where there is nothing of that kind in the history. */
  readonly mutate: (history: History, pick: Choose) => Mutated | undefined
}

type History = readonly HistoryEvent[]
type Choose = <T>(choices: readonly T[]) => T | undefined

interface Mutated {
  readonly history: History
  /** Proven by what stands beside `isHarmless`: nothing is wrong with a run that looks like this. */
  readonly isHarmless: boolean
}

export const MUTATIONS: readonly Mutation[] = [
  { name: 'drop a push', mutate: dropPush },
  { name: 'double a push', mutate: onPush((push) => [push, push]) },
  { name: 'swap two pushes', mutate: swapPushes },
  { name: 'renumber a push', mutate: onPush((push) => [altered(push, { seq: push.entry.seq + 1 })]) },
  { name: 'alter a push', mutate: onPush((push) => [altered(push, { hash: 'altered' })]) },
  { name: 'drop an entry', mutate: onEntries((entries, at) => entries.toSpliced(at, 1)) },
  { name: 'double an entry', mutate: onEntries(doubled) },
  { name: 'swap two entries', mutate: swapEntries },
  { name: 'alter an entry', mutate: onEntries((entries, at) => replacedAt(entries, at, { hash: 'altered' })) },
  { name: 'renumber an answer', mutate: renumberAnswer },
  { name: 'drop an end', mutate: dropEnd },
  { name: 'turn duplicate', mutate: turnDuplicate },
  { name: 'drop a claim', mutate: dropClaim },
  {
    name: 'show a page to a stranger',
    mutate: toStranger((entry, place) => ({ type: 'page', begun: 0, ...place, head: entry.seq, entries: [entry] })),
  },
  { name: 'show a push to a stranger', mutate: toStranger((entry, place) => ({ type: 'entry', ...place, entry })) },
  {
    name: 'show a hit to a stranger',
    mutate: toStranger((entry, { t, session, room }) => ({
      type: 'search',
      begun: 0,
      t,
      session,
      hits: [{ ...entry, room }],
    })),
  },
]

// ---- pushes ------------------------------------------------------------------------------------------------------------

function pushesOf(history: History): readonly Push[] {
  return history.filter((event) => event.type === 'entry')
}

function altered(push: Push, change: Partial<Entry>): Push {
  return { ...push, entry: { ...push.entry, ...change } }
}

function onPush(change: (push: Push) => readonly HistoryEvent[]): Mutation['mutate'] {
  return (history, choose) => {
    const push = choose(pushesOf(history))
    return push && { history: history.flatMap((event) => (event === push ? change(push) : [event])), isHarmless: false }
  }
}

/** It is missed by the next push, or in the end; but not where the room is closed or begun anew before. */
function dropPush(history: History, choose: Choose): Mutated | undefined {
  const push = choose(pushesOf(history))
  if (push === undefined) return undefined
  const next = nextOf(history, push)
  const isQuiet = history.some((event) => event.type === 'quiet' && event.sessions.includes(push.session))
  const isHarmless = next === undefined ? !isQuiet : next.type === 'left' || next.type === 'resumed'
  return { history: history.filter((event) => event !== push), isHarmless }
}

function swapPushes(history: History, choose: Choose): Mutated | undefined {
  const push = choose(pushesOf(history).filter((one) => nextOf(history, one)?.type === 'entry'))
  const next = push && nextOf(history, push)
  if (push === undefined || next?.type !== 'entry') return undefined
  const swapped = history.map((event) => {
    if (event === push) return altered(push, next.entry)
    return event === next ? altered(next, push.entry) : event
  })
  return { history: swapped, isHarmless: false }
}

/** What the session is told next of what it has open of the room. */
function nextOf(history: History, push: Push): SessionEvent | undefined {
  return history.slice(history.indexOf(push) + 1).find((event): event is SessionEvent => {
    const isOfStream = ['entry', 'joined', 'resumed', 'left'].includes(event.type)
    return (
      isOfStream && 'session' in event && event.session === push.session && 'room' in event && event.room === push.room
    )
  })
}

// ---- final reads -------------------------------------------------------------------------------------------------------

type Read = HistoryEvent & { readonly type: 'history' }

function readsOf(history: History): readonly Read[] {
  return history.filter((event) => event.type === 'history')
}

/** All reads of one room, changed in the same way at one entry. */
function onEntries(change: (entries: readonly Entry[], at: number) => readonly Entry[]): Mutation['mutate'] {
  return (history, choose) => {
    const places = readsOf(history).flatMap(({ room, entries }) => entries.map((_, at) => ({ room, at })))
    const place = choose(places)
    return place && { history: reread(history, place.room, (entries) => change(entries, place.at)), isHarmless: false }
  }
}

function reread(history: History, room: string, change: (entries: readonly Entry[]) => readonly Entry[]): History {
  return history.map((event) => {
    if (event.type !== 'history' || event.room !== room) return event
    const entries = change(event.entries)
    return { ...event, entries, head: Math.max(event.head, ...entries.map(({ seq }) => seq)) }
  })
}

function doubled(entries: readonly Entry[], at: number): readonly Entry[] {
  const entry = entries[at]
  return entry === undefined ? entries : [...entries, { ...entry, seq: entries.length + 1 }]
}

function replacedAt(entries: readonly Entry[], at: number, change: Partial<Entry>): readonly Entry[] {
  return entries.map((entry, i) => (i === at ? { ...entry, ...change } : entry))
}

/** Of places that nobody saw nothing is known: only such are swapped that somebody did. */
function swapEntries(history: History, choose: Choose): Mutated | undefined {
  const pairs = readsOf(history).flatMap(({ room, epoch, entries }) =>
    entries.flatMap((entry, i) => {
      const next = entries[i + 1]
      return next !== undefined && isSeen(history, room, epoch, entry.id) ? [{ room, at: i, entry, next }] : []
    }),
  )
  const pair = choose(pairs)
  if (pair === undefined) return undefined
  const { room, at, entry, next } = pair
  const swap = (entries: readonly Entry[]) =>
    entries.with(at, { ...next, seq: entry.seq }).with(at + 1, { ...entry, seq: next.seq })
  return { history: reread(history, room, swap), isHarmless: false }
}

function isSeen(history: History, room: string, epoch: number, id: string): boolean {
  return history.some((event) => {
    if (event.type === 'stored') return event.id === id && event.epoch === epoch
    return event.type === 'entry' && event.room === room && event.epoch === epoch && event.entry.id === id
  })
}

function dropClaim(history: History, choose: Choose): Mutated | undefined {
  const read = history.find((event) => event.type === 'claims')
  const claim = read && choose(read.claims)
  if (read === undefined || claim === undefined) return undefined
  const claims = read.claims.filter((one) => one !== claim)
  return { history: history.map((event) => (event === read ? { ...read, claims } : event)), isHarmless: false }
}

// ---- answers -----------------------------------------------------------------------------------------------------------

type Stored = HistoryEvent & { readonly type: 'stored' }

function storedOf(history: History): readonly Stored[] {
  return history.filter((event) => event.type === 'stored')
}

/** Only those of the last epoch: of an older one there may be nothing that it contradicts. */
function renumberAnswer(history: History, choose: Choose): Mutated | undefined {
  const epochs = new Map(readsOf(history).flatMap(({ epoch, entries }) => entries.map(({ id }) => [id, epoch])))
  const answer = choose(storedOf(history).filter(({ id, epoch }) => epochs.get(id) === epoch))
  if (answer === undefined) return undefined
  const { seq } = answer
  return {
    history: history.map((event) => (event === answer ? { ...answer, seq: seq + 1 } : event)),
    isHarmless: false,
  }
}

/** Nobody misses it on a connection that was lost. */
function dropEnd(history: History, choose: Choose): Mutated | undefined {
  const answer = choose(storedOf(history))
  if (answer === undefined) return undefined
  const begin = history.find((event) => event.type === 'begin' && event.try === answer.try)
  const session = begin?.type === 'begin' ? begin.session : undefined
  const isWaiting = history.some(
    (event) => event.type === 'quiet' && session !== undefined && event.sessions.includes(session),
  )
  const isLast = answer === storedOf(history).at(-1)
  return { history: history.filter((event) => event !== answer), isHarmless: !isWaiting && !isLast }
}

/** Of what lived through a restore the first try may be another one in each epoch. */
function turnDuplicate(history: History, choose: Choose): Mutated | undefined {
  if (history.some(({ type }) => type === 'restored')) return undefined
  const answer = choose(storedOf(history).filter(({ id }) => isToldTwiceOrOnce(history, id)))
  if (answer === undefined) return undefined
  const { duplicate } = answer
  return {
    history: history.map((event) => (event === answer ? { ...answer, duplicate: !duplicate } : event)),
    isHarmless: false,
  }
}

/** Where a first try was never answered, it is open whether it was the first that came. */
function isToldTwiceOrOnce(history: History, id: string): boolean {
  const tries = history.flatMap((event) =>
    event.type === 'begin' && `${event.command.room}/${event.command.sender}/${event.command.clientId}` === id
      ? event.try
      : [],
  )
  return tries.every((name) => history.some((event) => event.type === 'stored' && event.try === name))
}

// ---- strangers ---------------------------------------------------------------------------------------------------------

interface Stranger {
  readonly t: number
  readonly session: string
  readonly room: string
  readonly epoch: number
}

/** Somebody who was never in any room. */
function toStranger(show: (entry: Entry, place: Stranger) => HistoryEvent): Mutation['mutate'] {
  return (history, choose) => {
    const added = new Set(history.flatMap((event) => (event.type === 'begin' ? (event.command.adds ?? []) : [])))
    const stranger = history.find((event) => event.type === 'connected' && !added.has(event.user))
    const read = choose(readsOf(history))
    const entry = read && choose(read.entries)
    if (stranger?.type !== 'connected' || read === undefined || entry === undefined) return undefined
    const { room, epoch, t } = read
    const event = show(entry, { t, session: stranger.session, room, epoch })
    return { history: history.flatMap((one) => (one === read ? [event, one] : [one])), isHarmless: false }
  }
}

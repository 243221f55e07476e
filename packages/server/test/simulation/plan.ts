import type { Chance } from './chance.ts'
import { LETTER_DEEDS, type LetterDeed } from './operator.ts'
import type { Role } from './processes.ts'

export const ROOMS = ['r1', 'r2', 'r3'] as const
/** The first one creates the rooms; the last one is the administrator; who is called late is not registered before somebody does it. */
export const PEOPLE = ['al', 'bo', 'cy', 'late', 'root'] as const
export type PersonName = (typeof PEOPLE)[number]

/** One thing that is done to the system, so long after the one before. */
export type Step = { readonly after: number } & (
  | {
      readonly do: 'create'
      readonly person: PersonName
      readonly room: string
      readonly members: readonly PersonName[]
    }
  | { readonly do: 'say' | 'page' | 'follow'; readonly person: PersonName; readonly room: string }
  /** With an id that this person used before: the same content, or another. */
  | { readonly do: 'repeat' | 'reuse'; readonly person: PersonName; readonly earlier: number }
  | { readonly do: 'add' | 'remove'; readonly person: PersonName; readonly room: string; readonly other: PersonName }
  | { readonly do: 'reload'; readonly person: PersonName }
  | { readonly do: 'register' }
  | { readonly do: 'letters'; readonly deed: LetterDeed }
  | { readonly do: 'cut' }
  | { readonly do: 'kill' | 'stop'; readonly role: Role; readonly backAfter: number }
  /** The store is set back to what it was then, or as it was at the beginning. */
  | { readonly do: 'backup' }
  | { readonly do: 'restore'; readonly tells: boolean; readonly stopsGateways: boolean; readonly backAfter: number }
  | { readonly do: 'freeze'; readonly role: Role; readonly ms: number }
)

const ROLES: readonly Role[] = ['gateway', 'worker', 'indexer']

/** The share of seeds in which the store is set back. */
const RESTORES = 0.2

export interface Plan {
  /** Whether workers will meet a sender whom they do not know, and lanes that wait for it. */
  readonly hasStranger: boolean
  readonly steps: readonly Step[]
}

/** What is done in the run of a seed: a list, so that a run that fails can be made shorter. Each seed draws its own mixture, zero included. */
export function planOf(chance: Chance, length: number): Plan {
  const [first] = PEOPLE
  const steps: Step[] = ROOMS.map((room) => {
    const members = PEOPLE.slice(1, chance.between(2, PEOPLE.length - 1))
    return { do: 'create', after: 0, person: first, room, members }
  })
  const often = {
    trouble: chance.pick([0, 0, 0.05, 0.2]),
    freeze: chance.next(),
    members: chance.pick([0, 0.1, 0.3]),
    ids: chance.pick([0, 0.1, 0.2]),
    reading: chance.pick([0.05, 0.2]),
    letters: chance.pick([0, 0.05, 0.15]),
  }
  const pauses = [0, 5, 50, 500, chance.pick([5, 5_000])]
  while (steps.length < length) steps.push({ after: chance.below(chance.pick(pauses) + 1), ...one(chance, often) })
  return { hasStranger: chance.happens(0.3), steps: chance.happens(RESTORES) ? withRestore(chance, steps) : steps }
}

/** A backup is made somewhere, and needed some time later. */
function withRestore(chance: Chance, steps: readonly Step[]): readonly Step[] {
  const [from, to] = [chance.below(steps.length), chance.below(steps.length)].sort((a, b) => a - b) as [number, number]
  const restore: Step = {
    do: 'restore',
    after: 0,
    tells: chance.happens(0.5),
    stopsGateways: chance.happens(0.5),
    backAfter: chance.below(3_000),
  }
  return [...steps.slice(0, from), { do: 'backup', after: 0 }, ...steps.slice(from, to), restore, ...steps.slice(to)]
}

interface Often {
  readonly trouble: number
  readonly freeze: number
  readonly members: number
  readonly ids: number
  readonly reading: number
  readonly letters: number
}

type Deed = Step extends infer One ? (One extends Step ? Omit<One, 'after'> : never) : never

function one(chance: Chance, often: Often): Deed {
  const [person, other, room] = [chance.pick(PEOPLE), chance.pick(PEOPLE), chance.pick(ROOMS)]
  if (chance.happens(often.trouble)) return trouble(chance, often)
  if (chance.happens(often.members)) return { do: chance.pick(['add', 'remove']), person, room, other }
  if (chance.happens(often.ids))
    return { do: chance.pick(['repeat', 'repeat', 'reuse']), person, earlier: chance.below(100) }
  if (chance.happens(often.reading)) return { do: chance.pick(['page', 'follow']), person, room }
  if (chance.happens(often.letters)) return { do: 'letters', deed: chance.pick(LETTER_DEEDS) }
  if (chance.happens(0.03)) return { do: 'register' }
  return { do: 'say', person, room }
}

function trouble(chance: Chance, often: Often): Deed {
  const role = chance.pick(ROLES)
  if (chance.happens(0.3)) return { do: 'cut' }
  if (chance.happens(0.1)) return { do: 'reload', person: chance.pick(PEOPLE) }
  if (chance.happens(often.freeze)) return { do: 'freeze', role, ms: chance.between(50, chance.pick([1_000, 40_000])) }
  return { do: chance.pick(['kill', 'stop']), role, backAfter: chance.below(3_000) }
}

import { sha256 } from '../../src/adapters/system/sha256.ts'
import { directRoomId } from '../../src/core/identity.ts'
import type { Chance } from './chance.ts'
import { LETTER_DEEDS, type LetterDeed } from './operator.ts'
import type { Role } from './processes.ts'

const GROUPS = ['r1', 'r2', 'r3'] as const
/** The first one creates the rooms; the last one is the administrator; who is called late is not registered before somebody does it. */
export const PEOPLE = ['al', 'bo', 'cy', 'late', 'root'] as const
export type PersonName = (typeof PEOPLE)[number]
/** Two who may talk to each other alone, and their room. */
const PAIR = ['al', 'bo'] as const
const DIRECT = directRoomId(sha256, ...PAIR)

/** One thing that is done to the system, so long after the one before. */
export type Step = { readonly after: number } & (
  | {
      readonly do: 'create'
      readonly person: PersonName
      readonly room: string
      readonly members: readonly PersonName[]
    }
  /** More than the log takes in one record, where it is told to be `long`. */
  | { readonly do: 'say'; readonly person: PersonName; readonly room: string; readonly long?: true }
  | { readonly do: 'page' | 'follow'; readonly person: PersonName; readonly room: string }
  /** In one room, or in all of one's own. */
  | { readonly do: 'search'; readonly person: PersonName; readonly room: string | undefined }
  | { readonly do: 'meet'; readonly person: PersonName; readonly other: PersonName }
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
const NIGHTS = 0.03
const NIGHT_MS = 400_000

export interface Plan {
  /** Whether workers will meet a sender whom they do not know, and lanes that wait for it. */
  readonly hasStranger: boolean
  readonly rooms: readonly string[]
  readonly steps: readonly Step[]
}

/** What is done in the run of a seed: a list, so that a run that fails can be made shorter. Each seed draws its own mixture, zero included. */
export function planOf(chance: Chance, length: number): Plan {
  const [first] = PEOPLE
  const hasPair = chance.happens(0.2)
  const rooms = hasPair ? [...GROUPS, DIRECT] : GROUPS
  const steps: Step[] = GROUPS.map((room) => {
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
    searching: chance.pick([0, 0.05, 0.2]),
    long: chance.pick([0, 0, 0.05]),
    meeting: hasPair ? 0.1 : 0,
    rooms,
  }
  const pauses = [0, 5, 50, 500, chance.pick([5, 5_000])]
  while (steps.length < length) steps.push({ after: chance.below(chance.pick(pauses) + 1), ...one(chance, often) })
  const hasStranger = chance.happens(0.3)
  if (chance.happens(RESTORES)) return { hasStranger, rooms, steps: withRestore(chance, steps) }
  return { hasStranger, rooms, steps: chance.happens(NIGHTS) ? withNight(chance, steps) : steps }
}

/** Nothing is done for a while, so long that a log may forget what everybody has read. */
function withNight(chance: Chance, steps: readonly Step[]): readonly Step[] {
  const at = chance.below(steps.length)
  return steps.map((step, i) => (i === at ? { ...step, after: NIGHT_MS } : step))
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
  readonly searching: number
  readonly long: number
  readonly meeting: number
  readonly rooms: readonly string[]
}

type Deed = Step extends infer One ? (One extends Step ? Omit<One, 'after'> : never) : never

function one(chance: Chance, often: Often): Deed {
  const [person, other, room] = [chance.pick(PEOPLE), chance.pick(PEOPLE), chance.pick(often.rooms)]
  if (chance.happens(often.trouble)) return trouble(chance, often)
  if (chance.happens(often.members)) return { do: chance.pick(['add', 'remove']), person, room, other }
  if (chance.happens(often.ids))
    return { do: chance.pick(['repeat', 'repeat', 'reuse']), person, earlier: chance.below(100) }
  if (chance.happens(often.reading)) return { do: chance.pick(['page', 'follow']), person, room }
  if (chance.happens(often.searching)) return { do: 'search', person, room: chance.pick([room, undefined]) }
  if (chance.happens(often.meeting)) return chance.happens(0.5) ? meeting(PAIR[0], PAIR[1]) : meeting(PAIR[1], PAIR[0])
  if (chance.happens(often.letters)) return { do: 'letters', deed: chance.pick(LETTER_DEEDS) }
  if (chance.happens(0.03)) return { do: 'register' }
  return chance.happens(often.long) ? { do: 'say', person, room, long: true } : { do: 'say', person, room }
}

function meeting(person: PersonName, other: PersonName): Deed {
  return { do: 'meet', person, other }
}

function trouble(chance: Chance, often: Often): Deed {
  const role = chance.pick(ROLES)
  if (chance.happens(0.3)) return { do: 'cut' }
  if (chance.happens(0.1)) return { do: 'reload', person: chance.pick(PEOPLE) }
  if (chance.happens(often.freeze))
    return { do: 'freeze', role, ms: chance.between(50, chance.pick([1_000, 40_000, 70_000])) }
  return { do: chance.pick(['kill', 'stop']), role, backAfter: chance.below(3_000) }
}

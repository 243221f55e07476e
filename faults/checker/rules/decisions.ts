import type { Line } from '../line.ts'
import type { Operation } from '../operations.ts'
import { countBefore } from '../ordered.ts'
import type { Finding, Rule } from '../rule.ts'
import type { Run } from '../run.ts'

/**
 * R4: history is what the commands make of each other in its order: who says something is a member there, who is added was none, who is
 * removed was one, and a room is created once, first. A number that was only moved on, or a state that was not this place's, shows here.
 */
export const allowed: Rule = {
  name: 'allowed',
  invariant: 'R4',
  needs: ['history'],
  *check(run) {
    for (const line of run.timelines.final) {
      const members = new Set<string>()
      for (const { operation, seq } of line.places) {
        if (operation === undefined) continue
        const wrong = wrongThere(operation, seq, members)
        if (wrong !== undefined)
          yield {
            sentence: `${operation.name} stands at ${seq}, where ${wrong}`,
            records: evidence(run, line, operation),
          }
        for (const user of operation.command.adds ?? []) members.add(user)
        for (const user of operation.command.removes ?? []) members.delete(user)
      }
    }
  },
}

function wrongThere({ command }: Operation, seq: number, members: ReadonlySet<string>): string | undefined {
  const { kind, sender, administrator, adds = [], removes = [] } = command
  if (kind === 'room_created') return seq === 1 ? undefined : 'the room was created already'
  if (!administrator && !members.has(sender)) return `${sender} is no member`
  const twice = adds.find((user) => members.has(user))
  if (twice !== undefined) return `${twice} is a member already`
  const absent = removes.find((user) => !members.has(user))
  return absent && `${absent} is no member`
}

/**
 * R6: a refusal for what a room is was true at some moment that it can have met: after everything that was known before it was first sent,
 * and before anything that was sent after it was told. So nothing is refused for a state that no history ever had, or that a command still
 * waiting in front of it was about to change. (Before a restore nothing of the last epoch was known.)
 */
export const justified: Rule = {
  name: 'justified',
  invariant: 'R6',
  needs: ['history', 'claims'],
  *check(run) {
    const knownAt = new Map<Line, KnownHead>()
    for (const line of run.timelines.final) knownAt.set(line, new KnownHead(run, line))
    for (const operation of run.operations.all) {
      const line = run.timelines.finalLine(operation.command.room)
      const head = line && knownAt.get(line)
      const claim = run.claimOf(operation)
      if (line === undefined || head === undefined || claim?.end !== 'refused') continue
      if (run.hasWinningRival(operation)) continue
      // What was told before history was set back is not what the claim says: that was decided anew since.
      const told = operation.ends.find(({ at }) => !run.restores.isBehind(operation.command.room, at))
      const from = head.before(operation.begun)
      const to = Math.max(from, told === undefined ? line.head : line.headBefore(told.at))
      if (!isUnfounded(line, operation, claim.code, from, to)) continue
      const sentence = `${operation.name} was refused with ${claim.code}, which was true nowhere from ${from} to ${to}`
      yield { sentence, records: evidence(run, line, operation) }
    }
  },
}

/** Whether the code was false after each entry from `from` to `to`. Codes that say nothing of membership are not judged. */
function isUnfounded(line: Line, { command }: Operation, code: string, from: number, to: number): boolean {
  const { kind, sender, administrator, adds = [], removes = [] } = command
  const isIn = (user: string) => line.isMemberAfter(from, user)
  const isSame = (user: string) => !line.changesWithin(from + 1, to, user)
  switch (code) {
    case 'NOT_A_MEMBER':
      return !administrator && isIn(sender) && isSame(sender)
    case 'NOT_FOUND':
      return administrator ? from > 0 : isIn(sender) && isSame(sender)
    case 'ALREADY':
      if (kind === 'room_created') return to === 0
      return adds.some((user) => !isIn(user) && isSame(user)) || removes.some((user) => isIn(user) && isSame(user))
    default:
      return false
  }
}

/**
 * How far a timeline was known at which moment: what was decided later was decided at least there. What is in the log is known as well,
 * although its lane may wait: a refusal behind it has to wait too. (Where history was set back, a claim may be older than that place.)
 */
class KnownHead {
  /** Ascending, in both. */
  readonly #steps: { readonly at: number; readonly seq: number }[] = []

  constructor(run: Run, { room, places }: Line) {
    const isRestored = run.restores.isEver(room)
    const sights = places.flatMap(({ operation, seq }) => {
      const durable = isRestored ? undefined : operation?.durable
      const known = [operation && run.sightOf(operation), durable].flatMap((event) => event?.at ?? [])
      return known.length === 0 ? [] : { at: Math.min(...known), seq }
    })
    for (const step of sights.sort((a, b) => a.at - b.at))
      if (step.seq > (this.#steps.at(-1)?.seq ?? 0)) this.#steps.push(step)
  }

  before(at: number): number {
    return this.#steps[countBefore(this.#steps, (step) => step.at < at) - 1]?.seq ?? 0
  }
}

/** R3: the members that the server lists in the end are those that history makes. */
export const members: Rule = {
  name: 'members',
  invariant: 'R3',
  needs: ['history'],
  *check(run) {
    for (const event of run.final.members.values()) {
      const line = run.timelines.finalLine(event.room)
      if (line === undefined) continue
      const listed = new Set(event.users)
      const wrong = [...new Set([...line.users, ...listed])].filter(
        (user) => line.isMemberAfter(line.head, user) !== listed.has(user),
      )
      const [first] = wrong
      if (first === undefined) continue
      const [listing, being] = listed.has(first) ? ['', 'is not'] : ['not ', 'is']
      const sentence = `${first} is ${listing}listed as a member of ${event.room}, and by history ${being} one`
      yield { sentence, records: [...line.changesOf(first), event], times: wrong.length }
    }
  },
}

function evidence(run: Run, line: Line, operation: Operation): Finding['records'] {
  const { command, begin, ends } = operation
  const changes = line.changesOf(command.sender)
  return [...changes, begin.event, ...ends.map(({ event }) => event), ...run.final.read('claims')]
}

import type { Claim, HistoryEvent } from '../history.ts'
import type { Operation } from '../operations.ts'
import { entryOf, keyOf } from '../ordered.ts'
import type { Finding, Rule } from '../rule.ts'
import type { Run } from '../run.ts'

/** I1: every acknowledged command is stored, refused or dead in the end. An id that a rival has for itself is a refusal. */
export const lost: Rule = {
  name: 'lost',
  invariant: 'I1',
  needs: ['history', 'claims'],
  *check(run) {
    for (const lane of acknowledgedLanes(run)) {
      const gone = lane.filter((operation) => !hasEnd(run, operation))
      const [first] = gone
      if (first === undefined) continue
      const { room, sender } = first.command
      const what = `${gone.length} of ${lane.length} acknowledged commands of ${sender} in ${room}`
      const sentence = `${what} are neither stored nor claimed: ${where(lane, gone, first)}, beginning with ${first.name}`
      yield { sentence, records: gone.flatMap((one) => one.acknowledged?.event ?? []), times: gone.length }
    }
    for (const [id, event] of run.poison)
      if (!run.final.claims.has(id))
        yield { sentence: `the record ${id} is no command and is not dead`, records: [event] }
  },
}

function acknowledgedLanes(run: Run): Iterable<readonly Operation[]> {
  const lanes = new Map<string, Operation[]>()
  for (const operation of run.operations.all) {
    const { room, sender } = operation.command
    // Of a room that nobody read in the end nothing is known.
    if (operation.acknowledged !== undefined && run.timelines.finalLine(room) !== undefined)
      entryOf(lanes, keyOf(room, sender), () => []).push(operation)
  }
  return lanes.values()
}

function hasEnd(run: Run, operation: Operation): boolean {
  return run.placeOf(operation) !== undefined || run.claimOf(operation) !== undefined || run.hasWinningRival(operation)
}

/** Which part of their sender's run they are: a prefix and an end have causes of their own. */
function where(lane: readonly Operation[], gone: readonly Operation[], first: Operation): string {
  if (gone.length === lane.length) return 'the whole run'
  const from = lane.indexOf(first)
  const isOnePiece = lane[from + gone.length - 1] === gone.at(-1)
  if (!isOnePiece) return 'several pieces of the run'
  if (from === 0) return 'a prefix of the run'
  return from + gone.length === lane.length ? 'the end of the run' : 'the middle of the run'
}

/** I1: exactly one of them: what is stored is not claimed, whatever its content, and nothing is claimed twice. */
export const ended: Rule = {
  name: 'ended',
  invariant: 'I1',
  needs: ['history', 'claims'],
  *check(run) {
    for (const { room, places } of run.timelines.final) {
      for (const { id, seq, operation } of places) {
        const [claim] = run.final.claims.get(id) ?? []
        if (claim === undefined) continue
        const sentence = `${id} stands at ${seq} of ${room} and is ${claim.end} too`
        yield { sentence, records: operation === undefined ? run.final.read('claims') : ofClaim(run, operation) }
      }
    }
    for (const [id, claims] of run.final.claims)
      if (claims.length > 1)
        yield { sentence: `${id} is claimed ${claims.length} times`, records: run.final.read('claims') }
  },
}

/** I1: the end that was told first is the end that there is. Of what lived through a restore only the new epoch is asked. */
export const told: Rule = {
  name: 'told',
  invariant: 'I1',
  needs: ['history', 'claims'],
  *check(run) {
    for (const operation of run.operations.all) {
      const first = operation.ends[0]?.event
      if (first === undefined || run.isRestored(operation)) continue
      const there = endOf(run, operation)
      const said = first.type === 'stored' ? 'stored' : `${first.type} with ${first.code}`
      if (there !== undefined && there !== said)
        yield {
          sentence: `${operation.name} was told to be ${said} and is ${there}`,
          records: ofClaim(run, operation, [first]),
        }
    }
  },
}

/** Undefined where nothing is there, which another rule says. */
function endOf(run: Run, operation: Operation): string | undefined {
  if (run.placeOf(operation) !== undefined) return 'stored'
  const claim = run.claimOf(operation)
  if (claim !== undefined && claim.hash === undefined && run.hasWinningRival(operation)) return undefined
  if (claim !== undefined) return `${claim.end} with ${claim.code}`
  return run.hasWinningRival(operation) ? 'refused with ID_REUSED' : undefined
}

/** I1: who is dead has a letter and a record in the dead-letter log, nobody else has; what was replayed has an end of its own. */
export const buried: Rule = {
  name: 'buried',
  invariant: 'I1',
  needs: ['history', 'claims', 'letters', 'letter_log'],
  *check(run) {
    const { claims, letters, letterLog } = run.final
    for (const [id, [claim]] of claims) {
      if (claim?.end !== 'dead') continue
      if (!letters.has(id)) yield finding(run, `${id} is dead and has no letter`)
      if (!letterLog.has(id)) yield finding(run, `${id} is dead and is not in the dead-letter log`)
    }
    for (const { id, state, replayedAs } of letters.values()) {
      if (!isDead(claims.get(id))) yield finding(run, `there is a letter of ${id}, which is not dead`)
      if (state === 'replayed' && replayedAs !== undefined && !isThere(run, replayedAs))
        yield finding(run, `${id} was replayed as ${replayedAs}, which is neither stored nor claimed`)
    }
    // The log was not set back with the store.
    if (run.restores.areAny) return
    for (const id of letterLog)
      if (!isDead(claims.get(id))) yield finding(run, `${id} is in the dead-letter log and is not dead`)
  },
}

function isDead(claims: readonly Claim[] | undefined): boolean {
  return claims?.some(({ end }) => end === 'dead') ?? false
}

function isThere(run: Run, id: string): boolean {
  const operation = run.operations.ofId(id)
  return run.final.claims.has(id) || (operation !== undefined && run.placeOf(operation) !== undefined)
}

function finding(run: Run, sentence: string): Finding {
  return { sentence, records: (['claims', 'letters', 'letter_log'] as const).flatMap((type) => run.final.read(type)) }
}

/** I1: nothing dies that had no reason to: a poison, or a lane that waited until its doubt was given up. */
export const causes: Rule = {
  name: 'causes',
  invariant: 'I1',
  needs: ['claims'],
  *check(run) {
    for (const operation of run.operations.all) {
      const { command, begun, name } = operation
      if (run.claimOf(operation)?.end !== 'dead' || command.poison) continue
      if (run.waits.mayHaveWaited(command.room, command.sender, begun, Number.POSITIVE_INFINITY)) continue
      if (run.hasWinningRival(operation)) continue
      yield {
        sentence: `${name} is dead: it was no poison, and its lane never waited`,
        records: ofClaim(run, operation),
      }
    }
  },
}

function ofClaim(run: Run, { begin }: Operation, told: readonly HistoryEvent[] = []): readonly HistoryEvent[] {
  return [begin.event, ...told, ...run.final.read('claims')]
}

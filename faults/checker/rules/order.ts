import type { HistoryEvent } from '../history.ts'
import type { Line } from '../line.ts'
import type { At, Operation } from '../operations.ts'
import { keyOf } from '../ordered.ts'
import type { Finding, Rule } from '../rule.ts'
import type { Run } from '../run.ts'

/**
 * I5: what was known before a command was sent stands before it. For an entry a and an entry b behind it in the same room, b must not have
 * been known before a was first sent, where b is known
 * - from the first answer or sight that shows its place in this epoch on: that place is fixed for everybody;
 * - from its first `accepted` on: it is in the log, before whatever is sent later. Except that a lane may wait and be overtaken by other
 *   lanes; so if b's lane may have waited between its first begin and its first sight, this binds only commands of its own lane.
 * A command that was seen before it was sent itself breaks it too.
 */
export const realTime: Rule = {
  name: 'realTime',
  invariant: 'I5',
  needs: ['history'],
  *check(run) {
    for (const line of run.timelines.final) yield* overtaken(run, line)
  },
}

type Known = At<HistoryEvent> & { readonly operation: Operation }

/** Walks a timeline from its end: of everything behind, only what was known earliest counts. */
function* overtaken(run: Run, line: Line): Iterable<Finding> {
  let ofAll: Known | undefined
  const ofLanes = new Map<string, Known>()
  for (const { operation, seq } of placed(run, line).reverse()) {
    const { sender } = operation.command
    const durable = known(operation, operation.durable)
    ofAll = earlier(
      ofAll,
      earlier(known(operation, run.sightOf(operation)), mayWait(run, operation) ? undefined : durable),
    )
    const ofLane = earlier(ofLanes.get(sender), durable)
    if (ofLane !== undefined) ofLanes.set(sender, ofLane)
    const first = earlier(ofAll, ofLane)
    if (first === undefined || first.at > operation.begun) continue
    const how = first.event.type === 'accepted' ? 'accepted' : 'seen'
    const sentence = `${operation.name} was sent after ${first.operation.name} was ${how}, and stands before it, at ${seq}`
    yield { sentence, records: [first.event, operation.begin.event, ...whereOf(run, line)] }
  }
}

/** Each operation at its first place; if it has several, another rule says so. */
function placed(run: Run, line: Line): { readonly operation: Operation; readonly seq: number }[] {
  return line.places.flatMap((place) => {
    const { operation, seq } = place
    return operation !== undefined && run.placeOf(operation)?.place === place ? { operation, seq } : []
  })
}

function mayWait(run: Run, operation: Operation): boolean {
  const { room, sender } = operation.command
  return run.waits.mayHaveWaited(room, sender, operation.begun, run.sightOf(operation)?.at ?? Number.POSITIVE_INFINITY)
}

function known(operation: Operation, event: At<HistoryEvent> | undefined): Known | undefined {
  return event && { ...event, operation }
}

function earlier(one: Known | undefined, other: Known | undefined): Known | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return other.at < one.at ? other : one
}

/**
 * I5: the commands that one client sent to a room stand in the order in which it first sent them: an SDK over all its connections, or one
 * pipelined connection. One that somebody else sent too may have come into the log by that, and so overtake; one whose lane may have waited
 * may be overtaken by other lanes.
 */
export const clientOrder: Rule = {
  name: 'clientOrder',
  invariant: 'I5',
  needs: ['history'],
  *check(run) {
    for (const line of run.timelines.final) {
      /** The latest command so far, of each client and of each of its lanes. */
      const latest = new Map<string, Operation>()
      for (const { operation, seq } of placed(run, line)) {
        if (operation.client === undefined) continue
        const { client } = operation
        const lane = keyOf(client, operation.command.sender)
        const before = latest.get(mayWait(run, operation) ? lane : keyOf(client))
        if (before !== undefined && before.orderedAt > operation.orderedAt) {
          const sentence = `${client} sent ${operation.name} before ${before.name}, and it stands behind it, at ${seq}`
          yield { sentence, records: [operation.begin.event, before.begin.event, ...whereOf(run, line)] }
        }
        if (operation.isOfItsClientOnly) for (const key of [lane, keyOf(client)]) keepLatest(latest, key, operation)
      }
    }
  },
}

function keepLatest(latest: Map<string, Operation>, key: string, operation: Operation): void {
  const known = latest.get(key)
  if (known === undefined || known.orderedAt < operation.orderedAt) latest.set(key, operation)
}

function whereOf(run: Run, { room }: Line): readonly HistoryEvent[] {
  const read = run.final.history(room)
  return read === undefined ? [] : [read]
}

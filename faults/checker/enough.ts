import type { Counters } from './counters.ts'
import type { FinalHistory } from './history.ts'
import { keyOf } from './ordered.ts'
import type { Rule } from './rule.ts'
import type { Run } from './run.ts'

/** What has to happen in a run before its silence says anything. */
export interface Enough {
  readonly acknowledgedMin: number
  readonly acknowledgedInFaultsMin: number
  /** The faults that were planned, by name: each has to have taken place, with evidence. */
  readonly faults: readonly string[]
  /** What has to have happened at least once. */
  readonly interesting: readonly string[]
}

/** Why a run in which no rule is broken shows nothing. */
export function reasonsForDoubt(
  run: Run,
  rules: readonly Rule[],
  counters: Counters,
  enough: Enough,
): readonly string[] {
  return [
    ...run.flaws,
    ...tooLittle(counters, enough),
    ...unproven(run, enough),
    ...unread(run, new Set(rules.flatMap(({ needs }) => needs))),
    ...restless(run),
  ]
}

function* tooLittle(counters: Counters, enough: Enough): Iterable<string> {
  const { acknowledged, acknowledgedInFaults, interesting } = counters
  if (acknowledged < enough.acknowledgedMin)
    yield `${acknowledged} commands were acknowledged, less than ${enough.acknowledgedMin}`
  if (acknowledgedInFaults < enough.acknowledgedInFaultsMin)
    yield `${acknowledgedInFaults} commands were acknowledged inside a fault, less than ${enough.acknowledgedInFaultsMin}`
  for (const name of enough.interesting) if (!interesting[name]) yield `this never happened: ${name}`
}

/** A fault that nothing shows may never have taken place. */
function* unproven({ faults }: Run, enough: Enough): Iterable<string> {
  const shown = new Map<string, { readonly name: string; readonly target: string; count: number }>()
  for (const { event } of faults) {
    const { name, target, type, evidence } = event
    const key = keyOf(name, target)
    const open = shown.get(key) ?? { name, target, count: 0 }
    // Each start owes an evidence, which its stop may bring.
    if (type === 'fault_start' && evidence === '') open.count += 1
    if (type === 'fault_stop' && evidence !== '') open.count = Math.max(0, open.count - 1)
    shown.set(key, open)
  }
  for (const { name, target, count } of shown.values())
    if (count > 0) yield `nothing shows that ${name} of ${target} took place, ${count} times`
  const names = new Set(faults.map(({ event }) => event.name))
  for (const name of enough.faults) if (!names.has(name)) yield `the fault ${name} was planned, and never made`
}

function* unread(run: Run, needed: ReadonlySet<string>): Iterable<string> {
  const { final } = run
  for (const type of ['claims', 'letters', 'letter_log', 'quiet', 'drained'] as const)
    if (needed.has(type) && !final.has(type)) yield `in the end nobody read the ${type}`
  if (needed.has('drained') && run.healed === undefined) yield 'nobody says when the last fault was over'
  for (const room of roomsOf(run)) {
    const gateways = new Set(final.histories.get(room)?.map(({ gateway }) => gateway))
    if (needed.has('history') && gateways.size < 2)
      yield `in the end ${room} was read through ${gateways.size} gateways instead of two`
    if (needed.has('found') && !final.found.has(room)) yield `in the end nobody searched ${room}`
  }
  const after = final.drained
  if (needed.has('drained') && after !== undefined && !run.operations.all.some(({ begun }) => begun > after.at))
    yield 'nothing was sent after recovery'
}

/** Those that something was acknowledged in. */
function roomsOf({ operations, final }: Run): ReadonlySet<string> {
  const rooms = new Set(final.histories.keys())
  for (const { acknowledged, command } of operations.all) if (acknowledged !== undefined) rooms.add(command.room)
  return rooms
}

/** Final reads of one room that differ were not read when nothing moved. (That they contradict each other is said by rules.) */
function* restless({ final }: Run): Iterable<string> {
  for (const [room, [first, ...others]] of final.histories)
    for (const other of others)
      if (first !== undefined && !isSame(first, other)) yield `${room} still moved when it was read`
}

function isSame(one: FinalHistory, other: FinalHistory): boolean {
  return one.epoch === other.epoch && one.head === other.head && one.entries.length === other.entries.length
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Lanes, type Waiter } from '../../src/core/lanes.ts'
import { waitMs } from '../../src/core/retry.ts'

const SETTINGS = { laneWaitMsMax: 100, laneTriesMin: 2, laneBackoff: { delayMs: 8, delayMsMax: 32 } }
/** So that a model knows when a room is due. */
const LATEST = { next: () => 0.999_999 }

/** What waits, as a list: the lanes must say of it what can be counted here. */
interface Model {
  readonly rooms: Map<string, { dueAt: number; readonly lanes: Map<string, ModelLane> }>
  now: number
  offset: number
}

interface ModelLane {
  readonly awaits: string | undefined
  records: Waiter[]
}

const lanesOf = ({ rooms }: Model) => [...rooms.values()].flatMap(({ lanes }) => [...lanes.values()])
const recordsOf = (model: Model) => lanesOf(model).flatMap(({ records }) => records)
const isDue = (model: Model, room: string) => (model.rooms.get(room)?.dueAt ?? Number.POSITIVE_INFINITY) <= model.now

function check(model: Model, lanes: Lanes<Waiter>): void {
  const records = recordsOf(model)
  assert.equal(lanes.records, records.length)
  assert.equal(
    lanes.bytes,
    records.reduce((sum, { bytes }) => sum + bytes, 0),
  )
  assert.equal(lanes.lanes, lanesOf(model).length)
  const dues = [...model.rooms.values()].map(({ dueAt }) => dueAt)
  assert.equal(lanes.dueAt, dues.length === 0 ? undefined : Math.min(...dues))
  for (const room of ['r', 's']) {
    assert.equal(lanes.waitsIn(room), model.rooms.has(room))
    for (const sender of ['a', 'b', 'c'])
      assert.equal(lanes.waits(room, sender), model.rooms.get(room)?.lanes.has(sender) ?? false)
  }
}

function advance(model: Model, ms: number): void {
  model.now += ms
}

type Step = fc.Command<Model, Lanes<Waiter>>

function step(name: string, run: (model: Model, lanes: Lanes<Waiter>) => void): Step {
  return {
    check: () => true,
    run: (model, lanes) => {
      run(model, lanes)
      check(model, lanes)
    },
    toString: () => name,
  }
}

/** As the worker does it: who is not known waits, and so does whoever stands behind them in the lane or was refused behind it. */
function park(room: string, sender: string, { isKnown, isLate }: { isKnown: boolean; isLate: boolean }): Step {
  return step(`park ${room} ${sender}${isKnown ? ', known' : ''}${isLate ? ', late' : ''}`, (model, lanes) => {
    if (isKnown && !lanes.waitsIn(room)) return
    // A copy of an earlier record comes late: its place is before what waits already.
    model.offset += 2
    const offset = model.offset - (isLate ? 5 : 0)
    const record = { room, sender, offset, timestamp: model.now, bytes: offset, doubts: 1, hurried: false }
    const awaits = isKnown ? undefined : sender
    lanes.park(record, awaits, model.now)
    const dueAt = model.now + waitMs(LATEST, SETTINGS.laneBackoff, 1)
    const there = model.rooms.get(room) ?? { dueAt, lanes: new Map<string, ModelLane>() }
    const lane = there.lanes.get(sender) ?? { awaits, records: [] }
    lane.records = [...lane.records, record].sort((a, b) => a.offset - b.offset)
    model.rooms.set(room, there)
    there.lanes.set(sender, lane)
  })
}

/** A look-up of all who are awaited now: the rooms that are due leave whole where anybody was found or is given up, and no others. */
function lookUp(found: readonly string[], tookMs: number): Step {
  return step(`look up, find ${found}, ${tookMs} ms`, (model, lanes) => {
    const due = [...model.rooms.keys()].filter((room) => isDue(model, room))
    const heads = new Map(recordsOf(model).map((record) => [record, record.doubts]))
    const doubted = (room: string) =>
      [...(model.rooms.get(room)?.lanes.values() ?? [])].flatMap(({ awaits, records: [first] }) =>
        awaits === undefined || first === undefined ? [] : [{ awaits, first }],
      )
    const awaited = new Set(due.flatMap(doubted).map(({ awaits }) => awaits))
    assert.deepEqual(lanes.awaited(model.now), awaited)
    const lookedUpAt = model.now
    model.now += tookMs
    const registered = new Set(found.filter((user) => awaited.has(user)))
    const released = lanes.release(registered, lookedUpAt, model.now)

    const leaving: Waiter[] = []
    for (const room of due) {
      for (const { first } of doubted(room)) assert.equal(first.doubts, (heads.get(first) ?? 0) + 1, 'one look more')
      const goesOn = doubted(room).some(
        ({ awaits, first }) => found.includes(awaits) || lanes.givesUp(first, lookedUpAt),
      )
      const there = model.rooms.get(room)
      if (there === undefined) continue
      if (goesOn) {
        leaving.push(...[...there.lanes.values()].flatMap(({ records }) => records))
        model.rooms.delete(room)
      } else {
        const fewest = Math.min(...doubted(room).map(({ first: { doubts } }) => doubts))
        there.dueAt = model.now + waitMs(LATEST, SETTINGS.laneBackoff, fewest)
      }
    }
    assert.deepEqual(
      released,
      leaving.sort((a, b) => a.offset - b.offset),
    )
  })
}

/** A look-up that failed is no try: nobody's count rises, and the rooms are looked at later. */
const POSTPONE = step('the look-up fails', (model, lanes) => {
  const before = recordsOf(model).map(({ doubts }) => doubts)
  lanes.postpone(model.now, model.now)
  assert.deepEqual(
    recordsOf(model).map(({ doubts }) => doubts),
    before,
  )
  for (const [room, there] of model.rooms)
    if (isDue(model, room)) there.dueAt = model.now + SETTINGS.laneBackoff.delayMsMax
})

/** The lane that has waited longest is to end now: it is due, and its next look is its last. */
const HURRY = step('hurry', (model, lanes) => {
  const [oldest] = recordsOf(model).sort((a, b) => a.offset - b.offset)
  const there = model.rooms.get(oldest?.room ?? '')
  const before = new Map(recordsOf(model).map((record) => [record, record.hurried]))
  const lane = there?.lanes.get(oldest?.sender ?? '')?.records ?? []
  const isNew = oldest?.hurried === false
  lanes.hurryOldest(model.now)
  for (const [record, wasHurried] of before)
    assert.equal(record.hurried, wasHurried || (isNew && lane.includes(record)), `${record.offset}`)
  if (isNew && there !== undefined) there.dueAt = Math.min(there.dueAt, model.now)
})

test('[WRK51] lanes lose, double and reorder nothing, whatever is parked, looked up, released and hurried', () => {
  const parked = fc.record({ isKnown: fc.boolean(), isLate: fc.constantFrom(false, false, true) })
  const steps = fc.commands(
    [
      fc.tuple(fc.constantFrom('r', 's'), fc.constantFrom('a', 'b', 'c'), parked).map((args) => park(...args)),
      fc.tuple(fc.subarray(['a', 'b']), fc.nat(9)).map((args) => lookUp(...args)),
      fc.nat(40).map((ms) => step(`${ms} ms pass`, (model) => advance(model, ms))),
      fc.constant(HURRY),
      fc.constant(POSTPONE),
    ],
    { maxCommands: 60, size: 'max' },
  )
  fc.assert(
    fc.property(steps, (steps) => {
      const model: Model = { rooms: new Map(), now: 1_000, offset: 100 }
      const lanes = new Lanes<Waiter>(SETTINGS, LATEST)
      fc.modelRun(() => ({ model, real: lanes }), steps)
      // Once everybody is known, everything comes out.
      for (let tries = 0; model.rooms.size > 0 && tries < 5; tries++) {
        model.now += 1_000
        lookUp(['a', 'b', 'c'], 0).run(model, lanes)
      }
      assert.equal(lanes.records, 0)
    }),
    { numRuns: 300 },
  )
})

test('[WRK51] a doubt is given up only after its deadline and its least number of tries, both', () => {
  const lanes = new Lanes<Waiter>(SETTINGS, { next: () => 0.5 })
  const record = { room: 'r', sender: 'a', offset: 1, timestamp: 1_000, bytes: 1, doubts: 1, hurried: false }
  assert.equal(lanes.givesUp({ ...record, doubts: 9 }, 1_099), false)
  assert.equal(lanes.givesUp({ ...record, doubts: 1 }, 9_999), false)
  assert.equal(lanes.givesUp({ ...record, doubts: 2 }, 1_100), true)
  assert.equal(lanes.givesUp({ ...record, hurried: true }, 0), true)
})

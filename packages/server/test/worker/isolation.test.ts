import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { encodeCommand } from '../../src/core/command.ts'
import { replay } from '../../src/core/replay.ts'
import { Failure } from '../../src/ports/failure.ts'
import type { Document } from '../../src/ports/store.ts'
import { create, partsOf, Scene, say } from './scene.ts'

async function sceneWithRoom(...args: ConstructorParameters<typeof Scene>): Promise<Scene> {
  const scene = new Scene(...args)
  await scene.users('al', 'bo')
  await scene.send(create(['bo']))
  return scene
}

async function deadLetters(scene: Scene) {
  return (await scene.memory.store.letters.list(undefined, undefined, 1_000)).items
}

function isPoison(document: Document): boolean {
  return document.end === 'stored' && document.content.kind === 'message' && document.content.text.startsWith('poison')
}

/** The store can never take an entry that says so, and tells which one it was. */
function refusesPoison(document: Document): void {
  if (isPoison(document)) throw new Failure('poison', 'document failed validation')
}

test('[WRK30] a command the store can never take is dead, with claim, letter, log record and alert; the others are stored', async () => {
  const scene = await sceneWithRoom()
  scene.faults = { document: refusesPoison }
  await scene.send(say('a'), say('b', 'al', 'poison'), say('c'))
  await scene.start()
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'a', 'c'])
  const claim = await scene.document(say('b', 'al', 'poison'))
  assert.ok(claim?.end === 'dead' && claim.class === 'poison' && claim.code === 'UNPROCESSABLE')
  const [letter] = await deadLetters(scene)
  assert.equal(letter?.id, claim.id)
  assert.deepEqual(letter?.origin.offset, 2)
  assert.match(letter?.reason ?? '', /document failed validation/)
  const [record] = await scene.deadLetters()
  assert.equal(record?.headers['hf-dlq-id'], claim.id)
  assert.deepEqual(record?.value, encodeCommand(partsOf(say('b', 'al', 'poison'))).value)
  const told = (await scene.feed()).find(({ end }) => end === 'dead')
  assert.ok(told?.end === 'dead' && told.digest === claim.digest && !told.message.includes('validation'))
  const [alert, ...others] = scene.alerts
  assert.deepEqual([alert?.kind, alert?.fields.id, others], ['dead_letter', claim.id, []])
  await scene.stop()
})

test('[WRK30] a dead command that is sent again gets its first answer, and what it owes is sent again', async () => {
  const scene = await sceneWithRoom()
  scene.faults = { document: refusesPoison }
  await scene.send(say('b', 'al', 'poison'))
  await scene.start()
  await scene.drained()
  scene.faults = {}
  await scene.send(say('b', 'al', 'poison'))
  await scene.drained()

  assert.deepEqual(
    (await scene.feed()).map(({ end }) => end),
    ['stored', 'dead', 'dead'],
  )
  assert.equal((await deadLetters(scene)).length, 1)
  assert.equal((await deadLetters(scene))[0]?.origin.offset, 1)
  await scene.stop()
})

test('[WRK12] an entry whose write was lost is shown, although the one behind it turns out to be poison', async () => {
  const scene = await sceneWithRoom()
  await scene.start()
  await scene.drained()
  let isLost = true
  const { timeline } = scene.memory.store
  const write = timeline.write.bind(timeline)
  timeline.write = async (request) => {
    const [first] = request.documents
    if (!isLost || first === undefined) return write(request)
    isLost = false
    await write({ documents: [first], letters: [], projections: [], settled: undefined })
    return { result: 'unknown', cause: new Failure('ambiguous', 'connection reset') }
  }
  scene.faults = { document: refusesPoison }
  await scene.send(say('a'), say('b', 'al', 'poison'))
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'a'])
  await scene.stop()
})

test('[WRK12] an entry is shown although the claim behind it was taken, and the next look at its room is too old for it', async () => {
  const scene = await sceneWithRoom()
  await scene.start()
  await scene.drained()
  let [isTaken, oldReads] = [false, 0]
  const { timeline } = scene.memory.store
  const [write, load] = [timeline.write.bind(timeline), timeline.load.bind(timeline)]
  timeline.write = async (request) => {
    if (isTaken || request.documents.length < 2) return write(request)
    isTaken = true
    oldReads = 1
    await write({ ...request, projections: [], settled: undefined })
    return { result: 'duplicate', at: 1 }
  }
  timeline.load = async (rooms, users) => {
    const loaded = await load(rooms, users)
    if (rooms.length === 0 || oldReads-- <= 0) return loaded
    return { ...loaded, rooms: new Map([...loaded.rooms].map(([room, known]) => [room, { ...known, above: [] }])) }
  }
  await scene.users('stranger')
  await scene.send(say('a'), say('b', 'stranger'))
  await scene.drained()

  assert.deepEqual([isTaken, oldReads < 1], [true, true])
  assert.deepEqual(await scene.texts(), ['room_created', 'a'])
  await scene.stop()
})

test('[WRK31] an error that names no record is bisected until one offender is left', async () => {
  for (const failure of ['poison', 'unknown'] as const) {
    const scene = new Scene()
    await scene.users('al')
    scene.faults = {
      before(call) {
        if (call.call === 'write' && call.request.documents.some(isPoison))
          throw new Failure(failure, 'something in there')
      },
    }
    const texts = Array.from({ length: 99 }, (_, i) => (i === 40 || i === 77 ? `poison ${i}` : `text ${i}`))
    await scene.send(create(), ...texts.map((text, i) => say(`m${i}`, 'al', text)))
    await scene.start()
    await scene.drained()

    assert.deepEqual(await scene.texts(), ['room_created', ...texts.filter((text) => text.startsWith('text'))])
    const letters = await deadLetters(scene)
    assert.deepEqual(letters.map(({ class: of, origin }) => [of, origin.offset]).sort(), [
      [failure, 41],
      [failure, 78],
    ])
    if (failure === 'unknown') assert.ok(letters.every(({ attempts }) => attempts >= 3))
    await scene.stop()
  }
})

test('[WRK32] a record that is no command is dead under its place in the log; nobody is told, nothing else is lost', async () => {
  const scene = await sceneWithRoom()
  await scene.append({ key: 'r', headers: { by: 'hand' }, value: new TextEncoder().encode('{"v":1,') })
  await scene.send(say('a'))
  await scene.start()
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'a'])
  const [letter] = await deadLetters(scene)
  assert.equal(letter?.id, 'commands/0/1')
  assert.deepEqual([letter?.room, letter?.sender, letter?.class], [undefined, undefined, 'poison'])
  assert.deepEqual(letter?.headers, { by: 'hand' })
  await scene.stop()
})

test("[WRK32] a command that breaks a limit is dead under its own id, with the limit's code", async () => {
  const scene = await sceneWithRoom()
  const long = say('a', 'al', 'x'.repeat(9_000))
  await scene.send(long, say('b'))
  await scene.start()
  await scene.drained()

  const claim = await scene.document(long)
  assert.ok(claim?.end === 'dead' && claim.code === 'TOO_LARGE')
  assert.deepEqual(await scene.texts(), ['room_created', 'b'])
  await scene.stop()
})

test('[WRK33] a record of a newer version pauses the partition with a reason; it is never rejected, and what waits before it goes on', async () => {
  const scene = await sceneWithRoom()
  await scene.send(say('a', 'late'))
  await scene.append({ key: 'r', headers: {}, value: new TextEncoder().encode('{"v":2,"what":"ever"}') })
  await scene.send(say('b'))
  const worker = await scene.start()
  await scene.clock.advance(5_000)
  await scene.users('late', 'bo')
  await scene.clock.advance(120_000)

  const [status] = worker.status()
  assert.ok(status?.state === 'paused' && status.reason === 'newer_version')
  assert.equal(await scene.committed(), 2)
  assert.equal((await scene.document(say('a', 'late')))?.end, 'refused')
  assert.equal(await scene.document(say('b')), undefined)
  assert.deepEqual(await deadLetters(scene), [])
  assert.deepEqual(
    scene.alerts.map(({ kind }) => kind),
    ['newer_version'],
  )
  await scene.stop()
})

test('[WRK34] when commands of many senders die, the partition holds, probes one at a time, and goes on when it is over', async () => {
  const scene = new Scene({ settings: { floodSendersMax: 3, probeMs: 10_000 } })
  const senders = Array.from({ length: 40 }, (_, i) => `u${i}`)
  await scene.users('al', ...senders)
  let isBroken = true
  scene.faults = {
    document(document) {
      if (isBroken && document.end === 'stored' && document.seq > 1)
        throw new Failure('poison', 'a validator was deployed')
    },
  }
  await scene.send(create(senders), ...senders.map((sender) => say('m', sender, `by ${sender}`)))
  const worker = await scene.start()
  await scene.clock.advance(5_000)
  assert.equal((await deadLetters(scene)).length, 3)
  const [status] = worker.status()
  assert.ok(status?.state === 'paused' && status.reason === 'flood_guard')
  assert.equal(scene.alerts.filter(({ kind }) => kind === 'flood_guard').length, 1)

  await scene.clock.advance(30_000)
  assert.equal((await deadLetters(scene)).length, 6)
  assert.equal(await scene.committed(), 7)

  isBroken = false
  await scene.drained(20_000)
  assert.equal((await scene.entries()).length, 35)
  assert.equal(worker.status()[0]?.state, 'running')
  await scene.stop()
})

test("[WRK34] one sender's poison, refusals and repeats never trip the flood guard", async () => {
  const scene = await sceneWithRoom({ settings: { floodSendersMax: 2 } })
  const strangers = Array.from({ length: 20 }, (_, i) => `u${i}`)
  await scene.users(...strangers)
  scene.faults = { document: refusesPoison }
  await scene.send(...Array.from({ length: 20 }, (_, i) => say(`p${i}`, 'al', `poison ${i}`)))
  await scene.send(...strangers.map((sender) => say('m', sender)))
  await scene.start()
  await scene.drained()

  assert.equal((await deadLetters(scene)).length, 20)
  assert.deepEqual(
    scene.alerts.filter(({ kind }) => kind !== 'dead_letter'),
    [],
  )
  await scene.stop()
})

for (const name of ['dead-letter:before', 'dead-letter:after'] as const) {
  test(`[WRK35] broken off at ${name}, a claim's letter, log record and feed record come all the same`, async () => {
    let visits = 0
    const scene = await sceneWithRoom({
      failpoint: (at) => {
        if (at === name && ++visits === 1) throw new Error('broken off')
      },
    })
    scene.faults = { document: refusesPoison }
    await scene.send(say('b', 'al', 'poison'))
    await scene.start()
    await scene.drained()

    assert.equal((await deadLetters(scene)).length, 1)
    assert.ok((await scene.deadLetters()).length >= 1)
    assert.ok((await scene.feed()).some(({ end }) => end === 'dead'))
    await scene.stop()
  })
}

test('[WRK35] a claim without its letter, as a crash may leave it, gets the letter when it is met again', async () => {
  const scene = await sceneWithRoom()
  scene.faults = { document: refusesPoison }
  const letterless = scene.memory.store.timeline.write.bind(scene.memory.store.timeline)
  let isFirst = true
  scene.memory.store.timeline.write = async (request) => {
    if (!isFirst || request.letters.length === 0) return letterless(request)
    isFirst = false
    await letterless({ documents: request.documents, letters: [], projections: [], settled: undefined })
    return { result: 'unknown', cause: new Failure('ambiguous', 'killed after the bulk') }
  }
  await scene.send(say('b', 'al', 'poison'))
  await scene.start()
  await scene.drained()

  assert.equal((await deadLetters(scene)).length, 1)
  await scene.stop()
})

test('[WRK35] a write that stops behind a claim still owes the letter, and pays it with the next one', async () => {
  const scene = await sceneWithRoom()
  await scene.start()
  await scene.drained()
  const { timeline } = scene.memory.store
  scene.faults = {
    document: refusesPoison,
    before(call) {
      if (call.call !== 'write' || call.request.documents.length < 2) return
      const [first, second] = call.request.documents
      if (first?.end !== 'dead' || second?.end !== 'stored') return
      scene.faults = { document: refusesPoison }
      // A worker that was taken over comes late, and takes the number behind the claim.
      const entry = { ...second, id: 'late', sender: 'al', origin: 0 }
      return timeline.write({ documents: [entry], letters: [], projections: [], settled: undefined }).then(() => {})
    },
  }
  await scene.send(say('b', 'al', 'poison'), say('c'))
  await scene.drained()

  assert.equal(scene.counts.conflicts, 1)
  assert.deepEqual(
    (await deadLetters(scene)).map(({ id }) => id),
    [(await scene.document(say('b', 'al', 'poison')))?.id],
  )
  await scene.stop()
})

test('[WRK36] a replayed letter is a new try under a derived identity; replaying twice is one command, the claim stands (R7)', async () => {
  const scene = await sceneWithRoom()
  scene.faults = { document: refusesPoison }
  const sent = say('b', 'al', 'poison')
  await scene.send(sent)
  await scene.start()
  await scene.drained()
  scene.faults = {}
  const [letter] = await deadLetters(scene)
  const { letters } = scene.memory.store
  const options = { letters, commands: scene.memory.logs.commands, sha256, clock: scene.clock, failpoint: () => {} }

  const [one, two] = [await replay(options, letter?.id ?? '', 'ops'), await replay(options, letter?.id ?? '', 'ops')]
  await scene.send(sent)
  await scene.drained()

  assert.equal(one.id, `${letter?.id}~1`)
  assert.equal(two.id, one.id)
  assert.deepEqual(await scene.texts(), ['room_created', 'poison'])
  assert.equal((await scene.document(sent))?.end, 'dead')
  const marked = await letters.get(letter?.id ?? '')
  assert.deepEqual([marked?.state, marked?.stateBy], ['replayed', 'ops'])
  assert.equal((await scene.feed()).at(-1)?.end, 'dead')
  await scene.stop()
})

test('[WRK36] the letter of a replay can be replayed too: each try has an identity of its own (R7)', async () => {
  const scene = await sceneWithRoom()
  scene.faults = { document: refusesPoison }
  await scene.send(say('b', 'al', 'poison'))
  await scene.start()
  await scene.drained()
  const [letter] = await deadLetters(scene)
  const { letters } = scene.memory.store
  const options = { letters, commands: scene.memory.logs.commands, sha256, clock: scene.clock, failpoint: () => {} }

  const first = await replay(options, letter?.id ?? '', 'ops')
  await scene.drained()
  assert.equal((await letters.get(first.id))?.state, 'open')
  scene.faults = {}
  const second = await replay(options, first.id, 'ops')
  await scene.drained()

  assert.deepEqual([first.id, second.id], [`${letter?.id}~1`, `${letter?.id}~2`])
  assert.deepEqual(await scene.texts(), ['room_created', 'poison'])
  await scene.stop()
})

test('[WRK36] what was replayed and then, after a restore, is stored by itself, is not stored again (R7)', async () => {
  const scene = await sceneWithRoom()
  scene.faults = { document: refusesPoison }
  await scene.send(say('b', 'al', 'poison'))
  await scene.start()
  await scene.drained()
  scene.faults = {}
  const { letters } = scene.memory.store
  const options = { letters, commands: scene.memory.logs.commands, sha256, clock: scene.clock, failpoint: () => {} }
  const again = await replay(options, (await scene.document(say('b', 'al', 'poison')))?.id ?? '', 'ops')
  await scene.drained()
  await scene.stop()
  const empty = new Scene()
  await empty.users('al', 'bo')
  Object.assign(scene.memory, { store: empty.memory.store })

  await scene.start('w2')
  await scene.send(say('c'))
  await scene.clock.until(() => scene.batches.some(({ refused }) => refused > 0), 'the replay is refused')

  assert.deepEqual((await scene.texts()).slice(0, 2), ['room_created', 'poison'])
  const found = await scene.memory.store.timeline.find([again])
  assert.deepEqual(
    [...found.values()].map((document) => document.end !== 'stored' && document.code),
    ['ALREADY'],
  )
  await scene.stop()
})

test('[WRK36] replay refuses what cannot be replayed: no such letter, a record that is no command, a discarded letter', async () => {
  const scene = await sceneWithRoom()
  scene.faults = { document: refusesPoison }
  await scene.append({ key: 'r', headers: {}, value: new Uint8Array([1]) })
  await scene.send(say('b', 'al', 'poison'))
  await scene.start()
  await scene.drained()
  const { letters } = scene.memory.store
  const options = { letters, commands: scene.memory.logs.commands, sha256, clock: scene.clock, failpoint: () => {} }
  const discarded = (await scene.document(say('b', 'al', 'poison')))?.id ?? ''
  await letters.mark(discarded, 'discarded', 1, 'ops')

  await assert.rejects(replay(options, 'none', 'ops'), { code: 'NOT_FOUND' })
  await assert.rejects(replay(options, 'commands/0/1', 'ops'), { code: 'CONFLICT' })
  await assert.rejects(replay(options, discarded, 'ops'), { code: 'CONFLICT' })
  await scene.stop()
})

test('[WRK36] a replay is appended before its letter is marked: broken off between, nothing is lost', async () => {
  const scene = await sceneWithRoom()
  scene.faults = { document: refusesPoison }
  await scene.send(say('b', 'al', 'poison'))
  await scene.start()
  await scene.drained()
  scene.faults = {}
  const [letter] = await deadLetters(scene)
  const { letters } = scene.memory.store
  const failpoint = () => {
    throw new Error('broken off')
  }
  const options = { letters, commands: scene.memory.logs.commands, sha256, clock: scene.clock, failpoint }

  await assert.rejects(replay(options, letter?.id ?? '', 'ops'))
  await scene.drained()

  assert.equal((await letters.get(letter?.id ?? ''))?.state, 'open')
  assert.deepEqual(await scene.texts(), ['room_created', 'poison'])
  await scene.stop()
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Mongodb, openMongodb, setUpMongodb } from '../../src/adapters/mongodb/mongodb.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { encodeCommand } from '../../src/core/command.ts'
import { partitionOf } from '../../src/core/identity.ts'
import type { Log, LogRecord, Logs } from '../../src/ports/log.ts'
import type { Content } from '../../src/ports/store.ts'
import type { WorkerObserver } from '../../src/worker/observer.ts'
import { WORKER_DEFAULTS } from '../../src/worker/settings.ts'
import { createWorker } from '../../src/worker/worker.ts'
import { memoryEngines } from '../support/adapters.ts'
import type { TestEngine } from '../support/engines.ts'
import { SILENT_LOGGER, seeded } from '../worker/scene.ts'
import { AT, view } from './documents.ts'
import { dropDatabase, mongodbOptions, ownDatabase, startAgain } from './mongodb-subject.ts'

const PARTITIONS = 4
const ROOMS = Array.from({ length: 10 }, (_, i) => `room-${i}`)
const MESSAGES = 100

/** The real worker on the store on MongoDB, with logs in memory. */
export function workerOnMongodb(name: string, { url: serverUrl, own }: TestEngine): void {
  test(`[MDB14] on ${name} two workers that take each other’s partitions store every command once and in order, whatever is killed meanwhile`, async (context) => {
    const { url } = ownDatabase(serverUrl)
    context.after(() => dropDatabase(url))
    const options = mongodbOptions(url, { partitions: PARTITIONS })
    await setUpMongodb(options)
    const rivals = await Promise.all(['one', 'two'].map(async (which) => rival(which, await openMongodb(options))))
    for (const { mongodb } of rivals) context.after(() => mongodb.close())
    const { mongodb } = rivals[0] ?? assert.fail()
    try {
      await mongodb.store.users.put('alice', undefined, AT)
      for (const { worker } of rivals) await worker.start()
      if (own !== undefined) {
        while ((await Promise.all(ROOMS.map((room) => headOf(mongodb, room)))).every((head) => head < MESSAGES / 4))
          await systemClock.sleep(1)
        await own.signal('SIGKILL')
        await startAgain(own)
      }
      for (const { logs } of rivals) while ((await lagOf(logs.commands)) > 0) await systemClock.sleep(10)
    } finally {
      for (const { worker } of rivals) await worker.stop()
    }
    for (const room of ROOMS) {
      const { head, entries, member } = await mongodb.store.history.view(
        view(room, { user: 'alice', after: 0, entriesMax: 1_000 }),
      )
      assert.equal(head, MESSAGES + 1)
      assert.deepEqual(
        entries.map(({ seq, content }) => [seq, content.kind === 'message' ? content.text : content.kind]),
        [[1, 'room_created'], ...Array.from({ length: MESSAGES }, (_, i) => [i + 2, `${room} ${i}`])],
      )
      assert.deepEqual(member, { user: 'alice', role: 'owner', seq: 1 })
    }
    assert.equal((await mongodb.store.audit.documents(undefined, 5_000)).length, ROOMS.length * (MESSAGES + 1))
  })
}

/** A worker with logs of its own, which hold the same: it never hears from another that a partition is not its own any more. */
async function rival(name: string, mongodb: Mongodb) {
  const { logs } = memoryEngines({ partitions: PARTITIONS })
  await fill(logs)
  const observer: WorkerObserver = {
    batch() {},
    latency() {},
    conflict() {},
    fenced() {},
    paused() {},
    restarted() {},
  }
  const worker = createWorker({
    name,
    build: 'test',
    logs,
    store: mongodb.store,
    clock: systemClock,
    random: seeded(name.length),
    sha256,
    logger: SILENT_LOGGER,
    failpoint: () => {},
    settings: { ...WORKER_DEFAULTS, batchRecordsMax: 20 },
    observer,
    alert: () => {},
  })
  return { worker, logs, mongodb }
}

async function fill({ commands }: Logs): Promise<void> {
  const records: LogRecord[] = ROOMS.map((room) =>
    record(room, 0, { kind: 'room_created', roomKind: 'group', name: room, members: [] }),
  )
  for (let i = 0; i < MESSAGES; i++)
    for (const room of ROOMS) records.push(record(room, i + 1, { kind: 'message', text: `${room} ${i}` }))
  for (const one of records) await commands.append(partitionOf(one.key, PARTITIONS), [one])
}

function record(room: string, number: number, content: Content): LogRecord {
  const parts = {
    room,
    sender: 'alice',
    clientId: `c${number}`,
    authority: 'member',
    at: undefined,
    content,
    replay: 0,
  } as const
  return encodeCommand(parts)
}

async function lagOf(log: Log): Promise<number> {
  return (await log.lag('worker')).reduce((sum, { records }) => sum + records, 0)
}

async function headOf({ store }: Mongodb, room: string): Promise<number> {
  return (await store.history.view(view(room, { entriesMax: 0 }))).head
}

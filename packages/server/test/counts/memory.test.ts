import assert from 'node:assert/strict'
import { randomUUIDv7 } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import type { Client } from '../../../../bench/load/client.ts'
import { Collector } from '../../../../bench/load/collector.ts'
import { cpuSecondsWhenQuiet, residentBytes } from '../../../../bench/load/machine.ts'
import { type Frames, refOf } from '../../../../bench/load/messages.ts'
import { createRoom } from '../../../../bench/load/rooms.ts'
import { sendInClosedLoop } from '../../../../bench/load/sender.ts'
import { Folder, Holdfast } from '../../../../bench/load/server.ts'
import { textFrame } from '../../../../bench/load/socket.ts'
import { holdfast, linesOf } from '../cli/holdfast.ts'

const EXCERPT = fileURLToPath(new URL('../data/irc-5000.jsonl.gz', import.meta.url))
/** Real chat, over and over: what differs is who says it where, and when. */
const LINES = gunzipSync(readFileSync(EXCERPT))
  .toString('utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Line)

interface Line {
  readonly room: string
  readonly sender: string
  readonly at: string
  readonly text: string
}

/** By then every cache is full, and every room, user and member there that will ever be: the whole excerpt was imported once. */
const WARM_UP = { imported: 5_000, sent: 45_000 }
const STRETCH = { imported: 4_600, sent: 10_400 }
const STRETCHES = 10
/**
 * Bytes a message. The logs drop what they keep in memory in strides, so readings of a flat line differ by 5 MiB; through so many of
 * them the line is level within 10 or 20 all the same. A leak of 200 bytes shows as 200, or as 60 where only imported messages leak.
 */
const HEAP_GROWTH_MAX = 45
/** Whatever holds memory outside the heaps (SQLite, sockets) is on the way of every message. */
const RESIDENT_GROWTH_MAX = 100

test('[OPS40] over 200,000 messages the memory of a server stays flat', { timeout: 480_000 }, async (context) => {
  using folder = new Folder()
  const collector = await Collector.create()
  const server = await Holdfast.start({ data: folder.path, nodeOptions: collector.nodeOptions })
  try {
    const crowd = await Crowd.open(server)
    const readings: Reading[] = []
    const read = async () => {
      // What is still to be indexed belongs to the messages before.
      await cpuSecondsWhenQuiet(server.pid)
      const reading = { messages: crowd.messages, heap: await collector.collect(), resident: residentBytes(server.pid) }
      readings.push(reading)
      context.diagnostic(
        `${reading.messages} messages: heap ${mib(reading.heap)}, resident ${mib(reading.resident)} MiB`,
      )
    }

    await crowd.say(WARM_UP)
    await read()
    for (let i = 0; i < STRETCHES; i++) {
      await crowd.say(STRETCH)
      await read()
    }
    crowd.leave()

    const [heap, resident] = [slope(readings, ({ heap }) => heap), slope(readings, ({ resident }) => resident)]
    context.diagnostic(`bytes a message: heap ${heap.toFixed(1)}, resident ${resident.toFixed(1)}`)
    assert.equal(crowd.messages, 200_000)
    assert.ok(heap < HEAP_GROWTH_MAX, `the heaps grow by ${heap.toFixed(1)} bytes a message`)
    assert.ok(resident < RESIDENT_GROWTH_MAX, `the process grows by ${resident.toFixed(1)} bytes a message`)
  } finally {
    await server.stop()
  }
})

/** After a collection, in bytes. */
interface Reading {
  readonly messages: number
  /** The heaps of all threads, and the buffers they hold. */
  readonly heap: number
  readonly resident: number
}

/** Bytes a message: the line through all readings with the least squares, because each single one is off by a stride of a cache. */
function slope(readings: readonly Reading[], bytes: (reading: Reading) => number): number {
  const mean = (of: (reading: Reading) => number) => readings.reduce((sum, one) => sum + of(one), 0) / readings.length
  const [x, y] = [mean(({ messages }) => messages), mean(bytes)]
  return mean((one) => (one.messages - x) * (bytes(one) - y)) / mean((one) => (one.messages - x) ** 2)
}

const ROOMS = 8
const IN_FLIGHT = 16

/** People with sockets, each talking in a room of their own, and an importer beside them: both ways in, and the one way through. */
class Crowd {
  messages = 0
  readonly #server: Holdfast
  readonly #talkers: { readonly client: Client; readonly room: string; head: number }[] = []
  #files = 0

  private constructor(server: Holdfast) {
    this.#server = server
  }

  static async open(server: Holdfast): Promise<Crowd> {
    const crowd = new Crowd(server)
    for (let i = 0; i < ROOMS; i++) {
      const client = await server.signIn(`talker ${i}`, 'administrator')
      const room = `room ${i}`
      crowd.#talkers.push({ client, room, head: await createRoom(client, room, []) })
    }
    return crowd
  }

  /** Resolves when all of it is stored, and pushed to whoever has a socket; rejects where any of it is not, or not in order. */
  async say({ imported, sent }: { readonly imported: number; readonly sent: number }): Promise<void> {
    await this.#import(imported)
    await Promise.all(
      this.#talkers.map(async (talker) => {
        const { client, room, head } = talker
        const until = { messages: sent / ROOMS }
        const { messages } = await sendInClosedLoop(client, new Chat(room), IN_FLIGHT, head, until)
        talker.head += messages
      }),
    )
    this.messages += imported + sent
  }

  leave(): void {
    for (const { client } of this.#talkers) client.close()
  }

  /** The same text under other names: four times as many rooms, so that as many lines are under way at once. */
  async #import(count: number): Promise<void> {
    const { data } = this.#server
    const file = join(data, `chat-${++this.#files}.jsonl`)
    const lines = Array.from({ length: count }, (_, i) => {
      const line = lineAt(i)
      return `${JSON.stringify({ ...line, room: `${line.room} ${i % 4}` })}\n`
    })
    writeFileSync(file, lines.join(''))
    const { exit, out, err } = await holdfast(['import', file, '--json', '--data', data])
    assert.equal(exit, 0, err)
    assert.equal(linesOf(out).at(-1)?.imported, count)
  }
}

/** Lines of the excerpt as the messages of one room. */
class Chat implements Frames {
  readonly #room: string

  constructor(room: string) {
    this.#room = room
  }

  frames(first: number, count: number): Buffer {
    const frames = Array.from({ length: count }, (_, i) => {
      const [ref, clientId, { text }] = [refOf(first + i), randomUUIDv7(), lineAt(first + i)]
      return textFrame(Buffer.from(JSON.stringify({ type: 'send', ref, clientId, room: this.#room, text })))
    })
    return Buffer.concat(frames)
  }
}

function lineAt(number: number): Line {
  const line = LINES[number % LINES.length]
  assert.ok(line !== undefined)
  return line
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1)
}

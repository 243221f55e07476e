import type { Memory } from '../../src/adapters/memory/memory.ts'
import type { Sqlite } from '../../src/adapters/sqlite/sqlite.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { type Command, command, encodeCommand } from '../../src/core/command.ts'
import { storedRecord } from '../../src/core/feed.ts'
import { claimSeq } from '../../src/core/identity.ts'
import { documentsOf, indexHead } from '../../src/core/indexed.ts'
import { apply, projection, type RoomState } from '../../src/core/room.ts'
import type { Log } from '../../src/ports/log.ts'
import type { ClaimDocument, Content, EntryDocument, LetterDocument } from '../../src/ports/store.ts'
import { type Verified, verify } from '../../src/verify/verify.ts'

const AT = Date.parse('2026-01-01T00:00Z')
const GROUPS = { worker: 'worker', indexer: 'indexer' }

/** An installation on some engines, and the means to make it go wrong: each step can be left out. */
export class Installation {
  readonly engines: Memory | Sqlite
  readonly #rooms = new Map<string, RoomState>()
  #sent = 0

  constructor(engines: Memory | Sqlite) {
    this.engines = engines
  }

  command(room: string, sender: string, content: Content): Command {
    const parts = {
      room,
      sender,
      clientId: `c${++this.#sent}`,
      authority: 'member',
      at: undefined,
      content,
      replay: 0,
    } as const
    return command(sha256, parts)
  }

  /** Appends commands to the log; returns their offsets. */
  accept(commands: readonly Command[]): Promise<readonly number[]> {
    return this.engines.logs.commands.append(
      0,
      commands.map((one) => encodeCommand(one)),
    )
  }

  /** The entries that these commands become. The rooms' states move with them. */
  entries(commands: readonly Command[], offsets: readonly number[]): EntryDocument[] {
    return commands.map(({ id, room, sender, digest, content }, i) => {
      const state = this.#state(room)
      const entry: EntryDocument = {
        end: 'stored',
        id,
        room,
        seq: state.head + 1,
        sender,
        at: AT + i,
        digest,
        origin: offsets[i] ?? 0,
        content,
      }
      apply(state, entry)
      return entry
    })
  }

  async store(entries: readonly EntryDocument[], settled: number): Promise<void> {
    const rooms = [...new Set(entries.map(({ room }) => room))]
    const projections = rooms.map((room) =>
      projection(
        this.#state(room),
        entries.filter((entry) => entry.room === room),
      ),
    )
    await this.engines.store.timeline.write({
      documents: entries,
      letters: [],
      projections,
      settled: { partition: 0, next: settled, feed: 0 },
    })
  }

  async tell(entries: readonly EntryDocument[]): Promise<void> {
    await this.engines.logs.feed.append(
      0,
      entries.map((entry) => storedRecord(entry, 1)),
    )
  }

  async index(entries: readonly EntryDocument[]): Promise<void> {
    const documents = entries.flatMap((entry) => documentsOf(entry, 1))
    const heads = new Map(entries.map(({ room, seq }) => [room, indexHead(1, seq)]))
    await this.engines.search.write({ documents, heads, through: undefined })
  }

  async commit(which: 'worker' | 'indexer', next?: number): Promise<void> {
    const log: Log = which === 'worker' ? this.engines.logs.commands : this.engines.logs.feed
    const { end } = await log.range(0)
    const done = Promise.withResolvers<void>()
    const membership = log.work(GROUPS[which], async (owned) => {
      await owned.commit(next ?? end)
      done.resolve()
    })
    await done.promise
    await membership.stop()
  }

  /** A group with its messages, gone the whole way. */
  async room(room: string, texts: readonly string[]): Promise<EntryDocument[]> {
    const created = this.command(room, 'alice', {
      kind: 'room_created',
      roomKind: 'group',
      name: room,
      members: ['bob'],
    })
    const said = texts.map((text) => this.command(room, 'bob', { kind: 'message', text }))
    return this.wholeWay([created, ...said])
  }

  async wholeWay(commands: readonly Command[]): Promise<EntryDocument[]> {
    const offsets = await this.accept(commands)
    const entries = this.entries(commands, offsets)
    await this.store(entries, (offsets.at(-1) ?? -1) + 1)
    await this.tell(entries)
    await this.commit('worker')
    await this.index(entries)
    await this.commit('indexer')
    return entries
  }

  claim({ id, room, sender, digest }: Command, end: ClaimDocument['end']): ClaimDocument {
    return {
      end,
      id,
      room,
      seq: claimSeq(sha256, id),
      sender,
      at: AT,
      digest,
      code: 'UNPROCESSABLE',
      message: 'it broke',
      class: end === 'dead' ? 'poison' : undefined,
    }
  }

  letter({ id, room, sender, digest }: Command, offset: number): LetterDocument {
    const origin = { log: 'commands', partition: 0, offset, timestamp: AT }
    return {
      id,
      digest,
      room,
      sender,
      class: 'poison',
      code: 'UNPROCESSABLE',
      reason: 'it broke',
      attempts: 1,
      firstFailedAt: AT,
      origin,
      key: room,
      headers: {},
      value: new Uint8Array(0),
      worker: 'w',
      build: 'b',
      state: 'open',
      stateAt: undefined,
      stateBy: undefined,
    }
  }

  get verified(): Verified {
    const { logs, store, search } = this.engines
    const { timeline, history, letters, audit } = store
    return {
      commands: logs.commands,
      feed: logs.feed,
      timeline,
      history,
      letters,
      audit,
      search,
      groups: GROUPS,
      sha256,
      clock: { ...systemClock, sleep: () => Promise.resolve() },
    }
  }

  verify(changed: Partial<Verified> = {}) {
    return verify({ ...this.verified, ...changed })
  }

  #state(room: string): RoomState {
    const state = this.#rooms.get(room) ?? { room, head: 0, document: undefined, members: new Map() }
    this.#rooms.set(room, state)
    return state
  }
}

import type { Call, Faults } from '../../src/adapters/memory/faults.ts'
import { type Memory, openMemory } from '../../src/adapters/memory/memory.ts'
import { MemoryStore } from '../../src/adapters/memory/store.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { type Command, decodeCommand } from '../../src/core/command.ts'
import { decide, usersNeeded } from '../../src/core/decide.ts'
import { claimRecord, epochRecord, storedRecord } from '../../src/core/feed.ts'
import { claimSeq, partitionOf } from '../../src/core/identity.ts'
import { INTAKE_DEFAULTS, Intake, type IntakeSettings } from '../../src/core/intake.ts'
import { Problem } from '../../src/core/problem.ts'
import { Rate, type RateSettings, SEND_RATE_DEFAULTS } from '../../src/core/rate.ts'
import { apply, projection, roomState } from '../../src/core/room.ts'
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts'
import { GATEWAY_DEFAULTS, type GatewaySettings } from '../../src/gateway/settings.ts'
import type { Identity } from '../../src/ports/access.ts'
import type { Log, LogRecord, StoredRecord } from '../../src/ports/log.ts'
import type { ClaimDocument, Document, EntryDocument, HistoryStore } from '../../src/ports/store.ts'
import type { Logger } from '../../src/ports/system.ts'
import { SocketPair } from '../support/socket-pair.ts'
import { FakeClock } from '../worker/fake-clock.ts'

export interface RigOptions {
  readonly partitions?: number
  readonly gateway?: Partial<GatewaySettings>
  readonly intake?: Partial<IntakeSettings>
  readonly rate?: Partial<RateSettings>
  /** Whether to begin with the feed not being followed. */
  readonly isCutOff?: boolean
}

/** A gateway between engines in memory, a clock that a test moves, sockets flushed by hand, and a scribe in the place of the worker. */
export class Rig {
  readonly clock = new FakeClock()
  readonly memory: Memory
  readonly gateway: Gateway
  readonly intake: Intake
  readonly rate: Rate
  readonly scribe: Scribe
  readonly peers: SocketPair[] = []
  /** What a test does to the engines: replaced at will. */
  faults: Faults = {}
  /** Calls of the history, by name. */
  readonly calls: string[] = []
  /** Keys of the feed's records whose value was looked at. */
  readonly decoded: string[] = []
  readonly logged: { readonly level: string; readonly message: string }[] = []
  readonly #turnEnds: (() => void)[] = []

  constructor({ partitions = 1, gateway = {}, intake = {}, rate = {}, isCutOff = false }: RigOptions = {}) {
    const { clock } = this
    const turnEnd = (call: () => void) => void this.#turnEnds.push(call)
    const random = { next: () => 0.5 }
    const faults: Faults = {
      before: (call) => this.#before(call),
      after: (call) => this.faults.after?.(call),
    }
    this.memory = openMemory({ partitions, clock, faults })
    this.scribe = new Scribe(this.memory, faults)
    const { logs } = this.memory
    const history = movable(() => this.scribe.store.history)
    const intakeObserver = { accepted: () => {}, ended: () => {}, failed: () => {} }
    this.intake = new Intake({
      log: logs.commands,
      history,
      knows: () => false,
      clock,
      turnEnd,
      settings: { ...INTAKE_DEFAULTS, ...intake },
      observer: intakeObserver,
    })
    this.rate = new Rate(clock, { ...SEND_RATE_DEFAULTS, ...rate })
    this.gateway = createGateway({
      logs: { commands: logs.commands, feed: watched(logs.feed, this.decoded) },
      history,
      intake: this.intake,
      rate: this.rate,
      admit: (token) => this.#admit(token),
      clock,
      random,
      sha256,
      turnEnd,
      logger: this.#logger(),
      observer: { opened: () => {}, closed: () => {}, refused: () => {}, delivered: () => {} },
      settings: { ...GATEWAY_DEFAULTS, ...gateway },
    })
    void this.gateway.start()
    if (isCutOff) logs.feed.breakTails(new Error('not yet'))
  }

  /** A new connection. */
  connect(): SocketPair {
    const peer = new SocketPair()
    peer.join(this.gateway.connect(peer))
    this.peers.push(peer)
    return peer
  }

  /** A connection that is signed in and has its rooms open; what it heard so far is taken. */
  async enter(user: string, resume?: readonly object[]): Promise<SocketPair> {
    const peer = this.connect()
    peer.send({ type: 'authenticate', ref: 0, token: user, ...(resume && { resume }) })
    await this.settle()
    if (resume === undefined) peer.take()
    return peer
  }

  /** Commands put into the log past the gateway, and worked off. Returns the last one's entry or claim. */
  async did(...commands: readonly Did[]): Promise<Document> {
    let last: Document | undefined
    for (const did of commands) last = await this.scribe.write(did)
    await this.settle()
    if (last === undefined) throw new Error('nothing was done')
    return last
  }

  /** A group of these members, the first of whom owns it. */
  async group(room: string, [owner = '', ...others]: readonly string[]): Promise<void> {
    await this.did({ room, sender: owner, content: { kind: 'room_created', roomKind: 'group', members: others } })
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      await this.clock.settle()
      const worked = await this.scribe.work()
      const moved = this.turn()
      quiet = worked || moved ? 0 : quiet + 1
    }
  }

  /** One turn of the event loop, without the scribe. */
  turn(): boolean {
    const turnEnds = this.#turnEnds.splice(0)
    for (const call of turnEnds) call()
    const moved = this.peers.map((peer) => peer.flush())
    return turnEnds.length > 0 || moved.includes(true)
  }

  /** Lets time pass, and everything happen in it. */
  async pass(ms: number, step = 500): Promise<void> {
    for (let passed = 0; passed < ms; passed += step) {
      await this.clock.advance(Math.min(step, ms - passed))
      await this.settle()
    }
  }

  async commands(): Promise<readonly StoredRecord[]> {
    const { commands } = this.memory.logs
    const pages = Array.from({ length: commands.partitions }, (_, partition) =>
      commands.read(partition, 0, { recordsMax: 100_000, bytesMax: 1 << 30 }),
    )
    return (await Promise.all(pages)).flatMap(({ records }) => records)
  }

  #before(call: Call): void | Promise<void> {
    this.calls.push(call.call)
    return this.faults.before?.(call)
  }

  /** A token is a user's name; `root` is an administrator; `name@5000` expires in so many milliseconds. */
  async #admit(token: string): Promise<Identity> {
    const [user = '', lifetime = '3600000'] = token.split('@')
    if (user === 'forged') throw new Problem('UNAUTHENTICATED')
    if (user === 'old') throw new Problem('TOKEN_EXPIRED')
    if (user === 'nostore') throw new Problem('STORE_UNAVAILABLE')
    return { user, administrator: user === 'root', expires: this.clock.now() + Number(lifetime) }
  }

  #logger(): Logger {
    const log = (level: string) => (_: object, message: string) => void this.logged.push({ level, message })
    return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
  }
}

/** The feed, with a note of every record whose value somebody looks at. */
function watched(feed: Log, decoded: string[]): Log {
  const watch = (record: StoredRecord): StoredRecord => ({
    ...record,
    get value() {
      decoded.push(record.key)
      return record.value
    },
  })
  const tail: Log['tail'] = (reader) =>
    feed.tail({
      established: () => reader.established(),
      records: (records) => reader.records(records.map(watch)),
      broken: (cause) => reader.broken(cause),
    })
  return new Proxy(feed, { get: (log, name) => (name === 'tail' ? tail : Reflect.get(log, name, log)) })
}

/** The store can be replaced under its readers, as by an operator who restores a backup. */
function movable(history: () => HistoryStore): HistoryStore {
  return {
    view: (request) => history().view(request),
    survey: (users, commands) => history().survey(users, commands),
    members: (...args) => history().members(...args),
    entriesAt: (places) => history().entriesAt(places),
    rooms: (...args) => history().rooms(...args),
  }
}

export interface Did {
  readonly room: string
  readonly sender: string
  readonly clientId?: string
  readonly content: Command['content']
}

/** The worker, reduced to what the feed shows of it: one command at a time, when a test lets it. */
export class Scribe {
  store: MemoryStore
  isPaused = false
  /** Records of the feed that are held back, oldest first. */
  readonly held: { readonly partition: number; readonly record: LogRecord }[] = []
  isHolding = false
  readonly #memory: Memory
  readonly #faults: Faults
  readonly #positions: number[]
  #count = 0

  constructor(memory: Memory, faults: Faults) {
    this.#memory = memory
    this.#faults = faults
    this.store = memory.store
    this.#positions = new Array<number>(memory.logs.commands.partitions).fill(0)
  }

  /** Works off what is in the log. Returns whether there was anything. */
  async work(): Promise<boolean> {
    if (this.isPaused) return false
    let worked = false
    for (let partition = 0; partition < this.#positions.length; partition++) {
      const from = this.#positions[partition] ?? 0
      const { records } = await this.#memory.logs.commands.read(partition, from, {
        recordsMax: 1_000,
        bytesMax: 1 << 30,
      })
      for (const record of records) {
        this.#positions[partition] = record.offset + 1
        await this.#process(record)
        worked = true
      }
    }
    return worked
  }

  /** A command that nobody here sent. */
  async write({ room, sender, clientId = `scribe-${this.#count++}`, content }: Did): Promise<Document> {
    const parts = { room, sender, clientId, authority: 'member', at: undefined, content, replay: 0 } as const
    const partition = partitionOf(room, this.#positions.length)
    const value = new TextEncoder().encode(JSON.stringify({ v: 1, ...parts, replay: undefined }))
    const [offset = 0] = await this.#memory.logs.commands.append(partition, [{ key: room, headers: {}, value }])
    while (!this.isPaused && (this.#positions[partition] ?? 0) <= offset) await this.work()
    const decoded = decodeCommand(sha256, { key: room, value })
    if (decoded.result !== 'command') throw new Error('not a command')
    const { id } = decoded.command
    const found = (await this.store.timeline.find([{ room, id }])).get(id)
    if (found === undefined) throw new Error('not worked off')
    return found
  }

  /** Publishes what was held back. */
  async release(count = this.held.length): Promise<void> {
    for (const { partition, record } of this.held.splice(0, count)) await this.publish(partition, record)
  }

  publish(partition: number, record: LogRecord): Promise<unknown> {
    return this.#memory.logs.feed.append(partition, [record])
  }

  /** Puts a backup in the place of the store: the entries of each room up to `seq`. The epoch rises, and is told. */
  async restore(seq: number): Promise<void> {
    const { timeline, audit } = this.store
    const documents = await audit.documents(undefined, 100_000)
    const partitions = this.#positions.length
    const restored = new MemoryStore({ partitions, faults: this.#faults })
    this.store = restored
    for (const document of documents) if (document.end === 'stored' && document.seq <= seq) await this.#store(document)
    for (let partition = 0; partition < partitions; partition++) {
      const epoch = (await timeline.epoch(partition)) + 1
      await restored.timeline.raiseEpoch(partition, epoch)
      await this.#tell(partition, epochRecord(epoch))
    }
  }

  async #process(record: StoredRecord): Promise<void> {
    const decoded = decodeCommand(sha256, record)
    if (decoded.result !== 'command') throw new Error('not a command')
    const { command } = decoded
    const { id, room } = command
    const known = (await this.store.timeline.find([{ room, id }])).get(id)
    const document = known ?? (await this.#decide(command, record))
    const epoch = await this.store.timeline.epoch(record.partition)
    if (document.digest !== command.digest)
      await this.#tell(
        record.partition,
        claimRecord({ ...command, end: 'refused', code: 'ID_REUSED', message: 'reused' }, epoch),
      )
    else
      await this.#tell(
        record.partition,
        document.end === 'stored' ? storedRecord(document, epoch) : claimRecord(document, epoch),
      )
  }

  async #decide(command: Command, { offset, timestamp: at }: StoredRecord): Promise<Document> {
    const need = { room: command.room, users: usersNeeded(command) }
    const snapshot = (await this.store.timeline.load([need], [])).rooms.get(command.room)
    if (snapshot === undefined) throw new Error('no snapshot')
    const state = roomState(need, snapshot)
    const decision = decide(state, command, true)
    const { id, room, sender, digest } = command
    if (decision.decision === 'entry') {
      const entry: EntryDocument = {
        end: 'stored',
        id,
        room,
        seq: state.head + 1,
        sender,
        at,
        digest,
        origin: offset,
        content: decision.content,
      }
      return await this.#store(entry)
    }
    if (decision.decision === 'doubt') throw new Error('nobody is unknown here')
    const { code, message } = decision
    const claim: ClaimDocument = {
      end: 'refused',
      id,
      room,
      seq: claimSeq(sha256, id),
      sender,
      at,
      digest,
      code,
      message,
      class: undefined,
    }
    await this.store.timeline.write({ documents: [claim], letters: [], projections: [], settled: undefined })
    return claim
  }

  async #store(entry: EntryDocument): Promise<EntryDocument> {
    const need = { room: entry.room, users: [] }
    const snapshot = (await this.store.timeline.load([need], [])).rooms.get(entry.room)
    if (snapshot === undefined) throw new Error('no snapshot')
    const state = roomState(need, snapshot)
    apply(state, entry)
    await this.store.timeline.write({
      documents: [entry],
      letters: [],
      projections: [projection(state, [entry])],
      settled: undefined,
    })
    return entry
  }

  async #tell(partition: number, record: LogRecord): Promise<void> {
    if (this.isHolding) this.held.push({ partition, record })
    else await this.publish(partition, record)
  }
}

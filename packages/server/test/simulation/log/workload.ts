import { createHash } from 'node:crypto'
import { type FailureClass, failureClass } from '../../../src/ports/failure.ts'
import type { LogRecord, Offset, OwnedPartition, StoredRecord } from '../../../src/ports/log.ts'
import { Chance } from '../chance.ts'
import { SimulatedClock } from '../clock.ts'
import { SimulatedLogs, type SimulatedLogsOptions } from '../log.ts'
import { ProcessClock } from '../process-clock.ts'
import type { Surroundings } from '../world.ts'

/** Surroundings whose faults a test chooses, and that remember everything. */
export class Weather implements Surroundings {
  readonly clock: SimulatedClock
  readonly chance: Chance
  readonly counts = new Map<string, number>()
  readonly lines: string[] = []
  readonly #dice: Chance
  #odds: (fault: string) => number

  constructor(seed: number, odds: (fault: string) => number) {
    this.chance = new Chance(seed)
    this.clock = new SimulatedClock(this.chance.fork())
    this.#dice = this.chance.fork()
    this.#odds = odds
  }

  faulty(fault: string): boolean {
    return this.#dice.happens(this.#odds(fault))
  }

  sometimes(event: string): void {
    this.counts.set(event, (this.counts.get(event) ?? 0) + 1)
  }

  trace(line: () => string): void {
    this.lines.push(`${this.clock.elapsed()} ${line()}`)
  }

  heal(): void {
    this.#odds = () => 0
  }

  get hash(): string {
    return createHash('sha256').update(this.lines.join('\n')).digest('hex')
  }
}

/** A mixture of faults, different for each seed: a third of them never strikes. */
export function mixture(seed: number): (fault: string) => number {
  const chance = new Chance(seed)
  const odds = new Map<string, number>()
  return (fault) => {
    const known = odds.get(fault)
    if (known !== undefined) return known
    const drawn = chance.happens(1 / 3) ? 0 : chance.next() ** 2 * 0.3
    odds.set(fault, drawn)
    return drawn
  }
}

export interface Appended {
  readonly process: string
  readonly partition: number
  readonly keys: readonly string[]
  told: readonly Offset[] | FailureClass | 'nothing'
}

export interface Read {
  readonly process: string
  readonly partition: number
  readonly start: Offset
  readonly records: StoredRecord[]
}

/** What a tail showed from one establishment to its end. */
export interface Shown {
  readonly process: string
  /** How many records each partition had when it was established. */
  readonly from: readonly number[]
  readonly records: StoredRecord[]
  isBroken: boolean
}

export interface History {
  readonly weather: Weather
  readonly logs: SimulatedLogs
  readonly appends: readonly Appended[]
  readonly reads: readonly Read[]
  readonly shown: readonly Shown[]
  /** What a caller of the log should never meet. */
  readonly wrong: readonly string[]
  /** Whether everything was read and shown in time, after the last fault. */
  readonly hasDrained: boolean
  /** The process that owned each partition in the end. */
  readonly owners: readonly (readonly string[])[]
}

export interface WorkloadOptions extends Partial<SimulatedLogsOptions> {
  /** Whether processes are frozen, killed and cut off. */
  readonly isCalm?: boolean
}

export const PARTITIONS = 3
const GROUP = 'readers'
const BUSY_MS = 60_000
const DRAIN_MS_MAX = 180_000

/** Processes that append, read in a group and follow, while faults strike and processes suffer; then the faults end. */
export function run(seed: number, odds: (fault: string) => number, options: WorkloadOptions = {}): Promise<History> {
  return new Workload(seed, odds, options).run()
}

class Workload {
  readonly #weather: Weather
  readonly #logs: SimulatedLogs
  readonly #chance: Chance
  readonly #isCalm: boolean
  readonly #clocks = new Map<string, ProcessClock>()
  readonly #appends: Appended[] = []
  readonly #reads: Read[] = []
  readonly #shown: Shown[] = []
  readonly #wrong: string[] = []
  #isBusy = true
  #started = 0

  constructor(seed: number, odds: (fault: string) => number, { isCalm = false, ...options }: WorkloadOptions) {
    this.#weather = new Weather(seed, odds)
    this.#chance = this.#weather.chance.fork()
    this.#logs = new SimulatedLogs(this.#weather, { partitions: PARTITIONS, ...options })
    this.#isCalm = isCalm
  }

  async run(): Promise<History> {
    const { clock } = this.#weather
    for (let i = 0; i < 3; i++) this.#start()
    if (!this.#isCalm) this.#harmLater()
    await clock.pass(BUSY_MS)
    this.#isBusy = false
    this.#weather.heal()
    this.#logs.heal()
    for (const process of this.#clocks.values()) process.thaw()
    const hasDrained = await clock.until(() => this.#isDrained, DRAIN_MS_MAX)
    return {
      weather: this.#weather,
      logs: this.#logs,
      appends: this.#appends,
      reads: this.#reads,
      shown: this.#shown,
      wrong: this.#wrong,
      hasDrained,
      owners: this.#partitions.map((partition) => this.#logs.owners('commands', GROUP, partition)),
    }
  }

  get #partitions(): readonly number[] {
    return Array.from({ length: PARTITIONS }, (_, partition) => partition)
  }

  /** Nothing can land any more, and each partition has one reader, who has seen everything. */
  get #isDrained(): boolean {
    if (this.#logs.inFlight > 0) return false
    return this.#partitions.every((partition) => {
      const { length } = this.#logs.owners('commands', GROUP, partition)
      const end = (this.#logs.records('commands', partition).at(-1)?.offset ?? -1) + 1
      return length === 1 && (this.#positions[partition] ?? 0) >= end && this.#isShown(partition)
    })
  }

  /** Those who follow to the end have seen everything. */
  #isShown(partition: number): boolean {
    const last = this.#logs.records('commands', partition).at(-1)
    return this.#shown.every(({ isBroken, process, from, records }) => {
      if (isBroken || !this.#clocks.has(process)) return true
      const isNew = (from[partition] ?? 0) < this.#logs.records('commands', partition).length
      return !isNew || records.findLast((record) => record.partition === partition)?.offset === last?.offset
    })
  }

  readonly #positions: Offset[] = []

  #start(): void {
    const process = `p${this.#started++}`
    const clock = new ProcessClock(this.#weather.clock)
    this.#clocks.set(process, clock)
    const { commands } = this.#logs.connect(process)
    commands.work(GROUP, (owned) => this.#read(process, clock, owned))
    this.#follow(process, commands)
    void this.#append(process, clock, commands)
  }

  async #append(process: string, clock: ProcessClock, log: AppendableLog): Promise<void> {
    const chance = this.#chance.fork()
    for (let call = 0; this.#isBusy; call++) {
      const partition = chance.below(PARTITIONS)
      const keys = Array.from({ length: chance.between(1, 4) }, (_, i) => `${process}.${call}.${i}`)
      const appended: Appended = { process, partition, keys, told: 'nothing' }
      this.#appends.push(appended)
      const reply = log.append(partition, keys.map(recordOf)).then(
        (offsets) => {
          appended.told = offsets
        },
        (cause) => {
          appended.told = failureClass(cause)
        },
      )
      if (chance.happens(0.5)) await reply
      await clock.sleep(chance.below(1_000))
    }
  }

  async #read(process: string, clock: ProcessClock, owned: OwnedPartition): Promise<void> {
    const chance = this.#chance.fork()
    const read: Read = { process, partition: owned.id, start: owned.position, records: [] }
    if (this.#running.has(`${process}/${owned.id}`)) this.#wrong.push(`two runs of ${owned.id} in ${process}`)
    this.#running.add(`${process}/${owned.id}`)
    this.#reads.push(read)
    try {
      while (!owned.signal.aborted) {
        const gather = chance.happens(0.5) ? { gather: { records: 3, ms: 100 } } : {}
        const records = await owned.read({ recordsMax: chance.between(1, 8), bytesMax: 1_000, waitMs: 800, ...gather })
        read.records.push(...records)
        const last = records.at(-1)
        if (last === undefined) continue
        this.#positions[owned.id] = Math.max(this.#positions[owned.id] ?? 0, last.offset + 1)
        await clock.sleep(chance.below(50))
        await owned.commit(last.offset + 1)
      }
    } finally {
      this.#running.delete(`${process}/${owned.id}`)
    }
  }

  readonly #running = new Set<string>()

  #follow(process: string, log: FollowedLog): void {
    let now: Shown | undefined
    log.tail({
      established: () => {
        const from = this.#partitions.map((partition) => this.#logs.records('commands', partition).length)
        now = { process, from, records: [], isBroken: false }
        this.#shown.push(now)
      },
      records: (records) => {
        const isDurable = records.every((record) => this.#logs.records('commands', record.partition).includes(record))
        if (!isDurable) this.#wrong.push(`${process} was shown what is not in the log`)
        if (now === undefined || now.isBroken) this.#wrong.push(`${process} was shown records while it did not follow`)
        else now.records.push(...records)
      },
      broken: () => {
        if (now !== undefined) now.isBroken = true
      },
    })
  }

  /** Somebody is frozen, killed or cut off, now and then. */
  #harmLater(): void {
    const { clock } = this.#weather
    clock.after(this.#chance.between(1_000, 8_000), () => {
      if (!this.#isBusy) return
      this.#harm(this.#chance.pick([...this.#clocks.keys()]))
      this.#harmLater()
    })
  }

  #harm(process: string): void {
    const own = this.#clocks.get(process)
    const ms = this.#chance.between(100, 30_000)
    const kind = this.#chance.below(4)
    if (kind === 0) {
      own?.end()
      this.#logs.crash(process)
      this.#clocks.delete(process)
      this.#start()
    } else if (kind === 1) {
      this.#logs.cutOff(process)
      this.#later(ms, () => this.#logs.mend(process))
    } else {
      own?.freeze()
      this.#logs.freeze(process)
      this.#later(ms, () => {
        this.#logs.thaw(process)
        own?.thaw()
      })
    }
  }

  /** Unless everybody is healed before that. */
  #later(ms: number, call: () => void): void {
    this.#weather.clock.after(ms, () => {
      if (this.#isBusy) call()
    })
  }
}

type SimulatedLog = ReturnType<SimulatedLogs['connect']>['commands']
type AppendableLog = Pick<SimulatedLog, 'append'>
type FollowedLog = Pick<SimulatedLog, 'tail'>

function recordOf(key: string): LogRecord {
  return { key, headers: {}, value: new Uint8Array(key.length) }
}

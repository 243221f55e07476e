import type { Logs, Offset, StoredRecord } from '../../src/ports/log.ts'
import type { Cancel } from '../../src/ports/system.ts'
import { Brokers, type SimulatedLogsOptions } from './log/brokers.ts'
import type { Lane } from './log/lane.ts'
import { Link } from './log/link.ts'
import { NetworkedLog } from './log/networked.ts'
import { Troubles } from './log/troubles.ts'
import type { Surroundings } from './world.ts'

export type { SimulatedLogsOptions } from './log/brokers.ts'
export { LOG_EVENTS, LOG_FAULTS } from './log/troubles.ts'

/** The logs as one process sees them. */
export interface LogClient extends Logs {
  /** Ends what this process reads, as a client that is shut down does; from then on every call is refused. */
  close(): Promise<void>
}

type LogName = keyof Logs

const NAMES = { commands: 'commands', feed: 'feed', deadLetters: 'dead-letters' } as const
const TICK_MS_MIN = 500
const TICK_MS_MAX = 2_000
const CUT_MS_MAX = 30_000

/**
 * A cluster of brokers with three logs, as nasty as real ones: replies are lost, appends land after their callers gave up, groups are
 * rebalanced twice in a row, members that were taken over go on unknowingly, tails miss records, and all of it takes time. What is
 * acknowledged stays, in its place, for ever.
 */
export class SimulatedLogs {
  readonly #troubles: Troubles
  readonly #logs: Readonly<Record<LogName, Brokers>>
  readonly #links = new Map<string, Link>()
  readonly #lanes: Lane[] = []
  #tick: Cancel = () => {}

  constructor(surroundings: Surroundings, options: SimulatedLogsOptions) {
    const troubles = new Troubles(surroundings)
    const staleAccepted = troubles.strikes('log.commit.staleAccepted', 'everywhere')
    const brokers = (name: LogName) => new Brokers(NAMES[name], troubles, staleAccepted, options)
    this.#troubles = troubles
    this.#logs = { commands: brokers('commands'), feed: brokers('feed'), deadLetters: brokers('deadLetters') }
    this.#tickLater()
  }

  /** A new process, although one of this name may have been before. */
  connect(process: string): LogClient {
    const link = new Link(process, this.#troubles.clock)
    this.#links.set(process, link)
    const lanes: Lane[] = []
    link.onLost(() => {
      if (link.isCut || link.isCrashed) for (const lane of lanes) lane.interrupt()
    })
    const log = (name: LogName) => {
      const brokers = this.#logs[name]
      const mine = brokers.partitions.map((kept) => brokers.lane(link, kept))
      lanes.push(...mine)
      this.#lanes.push(...mine)
      return new NetworkedLog(brokers, link, mine)
    }
    const [commands, feed, deadLetters] = [log('commands'), log('feed'), log('deadLetters')]
    const close = async () => void (await Promise.all([commands, feed, deadLetters].map((one) => one.close())))
    return { commands, feed, deadLetters, close }
  }

  /** It stops between any two instructions: it sends and hears nothing until it thaws, and then everything. */
  freeze(process: string): void {
    this.#links.get(process)?.freeze()
  }

  thaw(process: string): void {
    this.#links.get(process)?.thaw()
  }

  /** What was on its way may still land; nobody hears of it. */
  crash(process: string): void {
    this.#links.get(process)?.crash()
  }

  /** It runs, but the log and it do not reach each other. */
  cutOff(process: string): void {
    this.#links.get(process)?.cut()
  }

  mend(process: string): void {
    this.#links.get(process)?.mend()
  }

  /** To be called once nothing is faulty any more: everybody goes on, and what is under way ends within half a minute or so. */
  heal(): void {
    this.#tick()
    for (const brokers of Object.values(this.#logs)) for (const kept of brokers.partitions) kept.clockOffMs = 0
    for (const link of this.#links.values()) {
      link.mend()
      link.thaw()
    }
  }

  /** What the dead had under way lands now: from here on nothing comes of them. */
  settleCrashed(): void {
    for (const lane of this.#lanes) lane.settle()
  }

  /** How many appends may still land. */
  get inFlight(): number {
    return this.#lanes.reduce((sum, { inFlight }) => sum + inFlight, 0)
  }

  /** What lies in a partition, whoever knows of it. */
  records(log: LogName, partition: number): readonly StoredRecord[] {
    return this.#logs[log].kept(partition).records
  }

  committed(log: LogName, group: string, partition: number): Offset | undefined {
    return this.#logs[log].committed(group, partition)
  }

  /** The processes that work on a partition in the belief that it is theirs. */
  owners(log: LogName, group: string, partition: number): readonly string[] {
    const believers = this.#logs[log].groups.get(group)?.believers(partition) ?? []
    return believers.map(({ member }) => member.link.process)
  }

  #tickLater(): void {
    const { clock, chance } = this.#troubles
    this.#tick = clock.after(chance.between(TICK_MS_MIN, TICK_MS_MAX), () => {
      this.#tickLater()
      for (const brokers of Object.values(this.#logs)) brokers.tick()
      if (this.#troubles.strikes('log.cutOff', 'somebody')) this.#cutSomebody()
    })
  }

  #cutSomebody(): void {
    const { clock, chance } = this.#troubles
    const reachable = [...this.#links.values()].filter(({ isReachable }) => isReachable)
    if (reachable.length === 0) return
    const link = chance.pick(reachable)
    const ms = chance.between(100, CUT_MS_MAX)
    this.#troubles.trace(() => `${link.process} is cut off from the log for ${ms} ms`)
    link.cut()
    clock.after(ms, () => link.mend())
  }
}

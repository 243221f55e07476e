import { CLOSE } from '@holdfast/protocol'
import type { Intake } from '../core/intake.ts'
import type { Rate } from '../core/rate.ts'
import type { Identity } from '../ports/access.ts'
import type { SharedLog } from '../ports/log.ts'
import type { HistoryStore } from '../ports/store.ts'
import type { Cancel, Clock, Logger, Random, Service, Sha256, TurnEnd } from '../ports/system.ts'
import { CatchUp } from './catch-up.ts'
import type { Context, GatewayObserver } from './context.ts'
import { Establishment } from './establishment.ts'
import { Hub } from './hub.ts'
import { Turn } from './outbox.ts'
import { Reads } from './reads.ts'
import { Session } from './session.ts'
import type { GatewaySettings } from './settings.ts'
import { Tail } from './tail.ts'
import type { Socket, SocketListener } from './wire.ts'

export interface GatewayParts {
  readonly logs: { readonly commands: SharedLog; readonly feed: SharedLog }
  readonly history: HistoryStore
  /** The one way into the command log, shared with HTTP. */
  readonly intake: Intake
  readonly rate: Rate
  /** Who a token's bearer is, known to the store by then. Rejects with a Problem. */
  readonly admit: (token: string) => Promise<Identity>
  readonly clock: Clock
  readonly random: Random
  readonly sha256: Sha256
  readonly turnEnd: TurnEnd
  readonly logger: Logger
  readonly observer: GatewayObserver
  readonly settings: GatewaySettings
}

export interface GatewayStatus {
  readonly sessions: number
  /** Whether the feed is followed: without it nobody is admitted, and nothing is live. */
  readonly isEstablished: boolean
}

export interface Gateway extends Service {
  readonly status: GatewayStatus
  /** Whether one more socket may come. */
  readonly hasRoom: boolean
  /** A new connection: what its socket tells goes to the listener that is returned. */
  connect(socket: Socket): SocketListener
}

/** Sockets in, sessions that live behind them, and the feed that tells them what happens. */
export function createGateway(parts: GatewayParts): Gateway {
  return new Sessions(parts)
}

class Sessions implements Gateway {
  readonly #context: Context
  readonly #intake: Intake
  readonly #catchUp: CatchUp
  readonly #tail: Tail
  #state: 'new' | 'running' | 'stopping' = 'new'
  #cancelHousekeeping: Cancel = () => {}
  #stopped: Promise<void> | undefined

  constructor({ logs, history, intake, turnEnd, ...shared }: GatewayParts) {
    const { clock, random, settings } = shared
    this.#context = {
      ...shared,
      submissions: intake,
      durability: logs.commands.durability,
      partitions: logs.commands.partitions,
      hub: new Hub(logs.commands.partitions),
      reads: new Reads(history, clock, random, settings),
      turn: new Turn(turnEnd),
      establishment: new Establishment(),
    }
    this.#intake = intake
    this.#catchUp = new CatchUp(this.#context, intake)
    this.#tail = new Tail({ context: this.#context, feed: logs.feed, intake, catchUp: this.#catchUp })
  }

  get status(): GatewayStatus {
    const { hub, establishment } = this.#context
    return { sessions: hub.sessions.size, isEstablished: establishment.isUp }
  }

  get hasRoom(): boolean {
    return this.#state !== 'stopping' && this.#context.hub.sessions.size < this.#context.settings.sessionsMax
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return
    this.#state = 'running'
    await this.#catchUp.start()
    await this.#tail.start()
    this.#housekeepLater()
  }

  connect(socket: Socket): SocketListener {
    const session = new Session(this.#context, socket)
    if (!this.hasRoom) session.close(this.#state === 'stopping' ? CLOSE.SHUTTING_DOWN : CLOSE.UNAVAILABLE)
    return session
  }

  /** Refuses commands, lets those under way be answered as far as the drain allows, says goodbye, and waits for the sockets. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#state = 'stopping'
    const { clock, settings, hub } = this.#context
    const drained = new AbortController()
    const late = clock.sleep(settings.drainMsMax, drained.signal)
    await Promise.race([this.#intake.drain(), late])
    drained.abort()
    this.#cancelHousekeeping()
    await this.#catchUp.stop()
    await this.#tail.stop()
    for (const session of [...hub.sessions]) session.close(CLOSE.SHUTTING_DOWN)
    await hub.emptied()
  }

  #housekeepLater(): void {
    const { clock, settings, hub } = this.#context
    this.#cancelHousekeeping = clock.after(settings.housekeepingMs, () => {
      const [now, elapsed] = [clock.now(), clock.elapsed()]
      for (const session of hub.sessions) session.housekeep(now, elapsed)
      this.#housekeepLater()
    })
  }
}

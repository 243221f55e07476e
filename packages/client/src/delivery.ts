import { type Fault, HoldfastError } from './errors.ts'
import type { AcceptedAs, Command, CommandBody, CommandEnd, Lanes, Watcher } from './lanes.ts'
import type { Cancel, Clock } from './platform.ts'

export interface CommandOptions {
  /** The command's identity for life; a UUIDv7 by default. Sending the same one again, any time later, changes nothing. */
  readonly clientId?: string
  /** This id was sent before, perhaps by an earlier client or before the page was loaded: its outcome is looked for first. */
  readonly again?: boolean
  /** The promise rejects; the command is taken back only if it is certain that it never reached the log. */
  readonly signal?: AbortSignal
  /** The same after so many milliseconds. By default a command is tried until it has an end. */
  readonly timeoutMs?: number
  /** Called once, when the command is durable in the log. */
  readonly onAccepted?: (accepted: Accepted) => void
}

export interface Accepted extends AcceptedAs {
  readonly clientId: string
}

/** A command that succeeded: it made the entry `seq`, or (`already`) what it asked for was so. */
export interface Done {
  readonly clientId: string
  readonly room: string
  /** The entry's id. */
  readonly id: string
  readonly already: boolean
  readonly epoch?: number
  readonly seq?: number
  /** Milliseconds since 1970-01-01T00:00:00Z, by the server's log. */
  readonly at?: number
  /** It was stored before this try of it: by an earlier send of the same id, or by a try whose answer was lost with a connection. */
  readonly duplicate?: boolean
}

/** A message that is durable at its place. */
export interface Stored extends Done {
  readonly already: false
  readonly epoch: number
  readonly seq: number
  readonly at: number
  readonly duplicate: boolean
}

/**
 * Gives a command to its lane and promises what the caller waits for: `accepted` or its end.
 * Rejects with a HoldfastError whose `outcome` says what is known of the command.
 */
export class Deliveries {
  readonly #lanes: Lanes
  readonly #clock: Clock
  readonly #open = new Map<Watcher, (why: Fault) => void>()

  constructor(lanes: Lanes, clock: Clock) {
    this.#lanes = lanes
    this.#clock = clock
  }

  deliver(body: CommandBody, options: CommandOptions, until: 'stored'): Promise<Done>
  deliver(body: CommandBody, options: CommandOptions, until: 'accepted'): Promise<Accepted>
  deliver(body: CommandBody, options: CommandOptions, until: 'stored' | 'accepted'): Promise<Done | Accepted>
  deliver(body: CommandBody, options: CommandOptions, until: 'stored' | 'accepted'): Promise<Done | Accepted> {
    const { clientId } = body
    const { signal, timeoutMs, again = false, onAccepted } = options
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted(signal, clientId, 'not-sent'))
      let timer: Cancel | undefined
      let wasAccepted = false
      let isSettled = false
      const settled = () => {
        isSettled = true
        timer?.()
        signal?.removeEventListener('abort', onAbort)
        this.#open.delete(watcher)
      }
      const giveUp = (errorOf: (known: boolean, command: Command) => HoldfastError) => {
        settled()
        reject(errorOf(this.#lanes.giveUp(command, watcher), command))
      }
      const onAbort = () => giveUp((known) => aborted(signal, clientId, known ? 'not-sent' : 'unknown'))
      const watcher: Watcher = {
        accepted: (as) => {
          const accepted = { clientId, ...as }
          if (until === 'accepted') {
            settled()
            resolve(accepted)
          }
          if (!wasAccepted) onAccepted?.(accepted)
          wasAccepted = true
        },
        ended: (end) => {
          settled()
          if ('fault' in end) reject(failure(end, clientId))
          else resolve(done(end, clientId))
        },
      }
      const command = this.#lanes.submit(body, again, watcher)
      // It may have joined one that was accepted long ago.
      if (isSettled) return
      this.#open.set(watcher, (why) => {
        settled()
        const outcome = command.doubtful > 0 ? 'unknown' : 'not-sent'
        reject(new HoldfastError(why.code, { ...why, clientId, outcome }))
      })
      signal?.addEventListener('abort', onAbort)
      if (timeoutMs !== undefined) timer = this.#clock.after(timeoutMs, () => giveUp(expired))
    })
  }

  /** Rejects everybody who still waits. */
  close(why: Fault): void {
    for (const settle of [...this.#open.values()]) settle(why)
  }
}

function done(end: Extract<CommandEnd, { end: 'stored' | 'already' }>, clientId: string): Done {
  const { room, id } = end
  if (end.end === 'already') return { clientId, room, id, already: true }
  const { epoch, seq, at, duplicate } = end
  return { clientId, room, id, already: false, epoch, seq, at, duplicate }
}

function failure({ end, fault }: Extract<CommandEnd, { end: 'refused' | 'dead' }>, clientId: string): HoldfastError {
  return new HoldfastError(fault.code, { ...fault, clientId, outcome: end })
}

function expired(known: boolean, { body: { clientId }, failed }: Command): HoldfastError {
  if (!known) return new HoldfastError('OUTCOME_UNKNOWN', { clientId, outcome: 'unknown' })
  return new HoldfastError(failed?.code ?? 'NOT_CONNECTED', { ...failed, clientId, outcome: 'not-sent' })
}

function aborted(signal: AbortSignal | undefined, clientId: string, outcome: 'not-sent' | 'unknown'): HoldfastError {
  return new HoldfastError('ABORTED', { clientId, outcome, cause: signal?.reason, retryable: outcome === 'unknown' })
}

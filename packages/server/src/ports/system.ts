/** What the machine gives us: time, chance, hashes, log lines. All of it comes in through constructors, so a seed can replay a run. */

/** Cancels what was scheduled; may be called twice. */
export type Cancel = () => void

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z; may jump. */
  now(): number
  /** Milliseconds that never go back; only differences mean something. */
  elapsed(): number
  /** Resolves after `ms`, or as soon as the signal aborts; never rejects. After 0 ms: when all that is ready now had its turn. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls once after `ms`. Does not keep the process alive. */
  after(ms: number, call: () => void): Cancel
}

/**
 * Calls once this turn of the event loop has made ready all it can, before the next wait: `setImmediate` in a process.
 * It lets what became ready together leave together, without a timer.
 */
export type TurnEnd = (call: () => void) => void

export interface Random {
  /** Uniform in [0, 1). */
  next(): number
}

/** SHA-256 of a text's UTF-8: 32 characters, each of which stands for one byte. */
export type Sha256 = (text: string) => string

export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The named places between two steps of a batch where a test may kill, freeze or fail the process (design: crash points). */
export type FailpointName =
  | 'append:before'
  | 'append:after'
  | 'worker:fetched'
  | 'worker:loaded'
  | 'store:mid-write'
  | 'store:written'
  | 'store:committed'
  | 'worker:stored'
  | 'feed:before'
  | 'feed:partial'
  | 'feed:after'
  | 'dead-letter:before'
  | 'dead-letter:after'
  | 'worker:settled'
  | 'replay:appended'

/** Does nothing in production. It may throw (a failure there), or never return (a kill there). */
export type Failpoint = (name: FailpointName) => void

/** What lives long: started once, stopped once or more often, or before it started. */
export interface Service {
  start(): Promise<void>
  stop(): Promise<void>
}

import type { LogRecord, Offset } from '../../ports/log.ts'
import type { SearchQuery, SearchWrite } from '../../ports/search.ts'
import type { Document, RoomNeed, ViewRequest, WriteRequest } from '../../ports/store.ts'

/** A call of one of the ports, as a fault sees it. */
export type Call =
  | {
      readonly call: 'append'
      readonly log: string
      readonly partition: number
      readonly records: readonly LogRecord[]
    }
  | { readonly call: 'read'; readonly log: string; readonly partition: number; readonly from: Offset }
  | {
      readonly call: 'commit'
      readonly log: string
      readonly group: string
      readonly partition: number
      readonly next: Offset
    }
  | { readonly call: 'find'; readonly ids: readonly string[] }
  | { readonly call: 'load'; readonly rooms: readonly RoomNeed[] }
  | { readonly call: 'write'; readonly request: WriteRequest }
  | { readonly call: 'lease' | 'settled' | 'epoch'; readonly partition: number }
  | { readonly call: 'view'; readonly request: ViewRequest }
  | { readonly call: 'survey' }
  | { readonly call: 'history' }
  | { readonly call: 'letters' }
  | { readonly call: 'users' }
  | { readonly call: 'audit' }
  | { readonly call: 'index'; readonly request: SearchWrite }
  | { readonly call: 'query'; readonly request: SearchQuery }
  | { readonly call: 'indexed' }

/**
 * What a test may do to the engines: each function may throw a `Failure`, or return a promise to make the call slow.
 * `read` is synchronous in this engine: a promise returned for it is not waited for.
 */
export interface Faults {
  /** Before the effect: what it throws means that nothing happened. */
  before?(call: Call): void | Promise<void>
  /** After the effect: what it throws is a lost reply. */
  after?(call: Call): void | Promise<void>
  /**
   * Before one document of a write goes in; those before it stay in. A Failure of class `poison` says that this one can never be,
   * one of class `ambiguous` or `unknown` that nobody knows.
   */
  document?(document: Document, index: number): void
}

/** An effect between its two faults. Without a fault it happens in the caller's own turn. */
export async function between<T>(faults: Faults, call: Call, effect: () => T): Promise<T> {
  const before = faults.before?.(call)
  if (before !== undefined) await before
  const result = effect()
  const after = faults.after?.(call)
  if (after !== undefined) await after
  return result
}

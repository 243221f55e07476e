/**
 * How an engine's error is classified: what a caller may do about it, whatever the engine.
 * Each adapter maps its engine's codes to these in one table.
 */
export type FailureClass =
  /** It did not happen; trying again can help. */
  | 'transient'
  /** It did not happen; ask for less, later. */
  | 'overload'
  /** It did not happen: no space, or read-only. Trying again helps once an operator made room. */
  | 'full'
  /** It may have happened, or may still happen. Never a yes, never a no. */
  | 'ambiguous'
  /** It did not happen and never will: the record itself is at fault. */
  | 'poison'
  /** It did not happen; settings, rights or versions are wrong, and only an operator can mend that. */
  | 'operator'
  /** No rule knows this error. It is treated as ambiguous where that matters. */
  | 'unknown'
  /** It did not happen: what the caller knew of the engine is no more, as another stands in its place. Look again, and begin anew. */
  | 'lost'
  /** The adapter was closed, or the partition is no longer ours. */
  | 'closed'

/** An error of an engine, classified. The engine's own error is the `cause`. */
export class Failure extends Error {
  readonly class: FailureClass

  constructor(failureClass: FailureClass, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.name = 'Failure'
    this.class = failureClass
  }
}

/** The class of anything thrown: what is no `Failure` is `unknown`. */
export function failureClass(error: unknown): FailureClass {
  return error instanceof Failure ? error.class : 'unknown'
}

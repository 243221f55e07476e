import type { ErrorCode } from '@holdfast/protocol'
import type { Command } from './command.ts'
import type { Problem } from './problem.ts'

/** The end of a command, as its sender is told. */
export type End =
  | {
      readonly end: 'stored'
      readonly epoch: number
      readonly seq: number
      readonly at: number
      readonly duplicate: boolean
    }
  | { readonly end: 'refused' | 'dead'; readonly code: ErrorCode; readonly message: string }

/**
 * Somebody who sent a command and waits. Called in this order: `accepted`, then `ended`; or `failed` alone; or `ended` alone, where a
 * look-up says ID_REUSED (nothing of this content was ever accepted). After a cancel there may still be `mayAppend` and `failed`,
 * because order outlives the socket, but no answer.
 */
export interface Submitter {
  /** Asked when the command would enter a batch: a Problem refuses it there (G2: a generation that has moved on). */
  mayAppend(): Problem | undefined
  /** The command is durable in the log. */
  accepted(): void
  ended(end: End): void
  /** This try failed; `appended` is false only where it is certain that it is not, and never will be, in the log. */
  failed(problem: Problem, appended: boolean): void
}

/** The one way into the command log, for sockets and HTTP alike. */
export interface Submissions {
  /**
   * Registers the waiter, then appends in the order of the calls (G1). With `again`, looks for the command's outcome first (G3);
   * meanwhile later calls of the same sender in the same room wait. May call the submitter at once.
   * Returns what forgets the waiter: the command itself is not taken back.
   */
  submit(command: Command, submitter: Submitter, options: { readonly again: boolean }): () => void
}

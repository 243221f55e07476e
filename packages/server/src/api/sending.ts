import { ERRORS, type ErrorCode } from '@holdfast/protocol'
import { brokenLimit, type Command, type CommandParts, command } from '../core/command.ts'
import { Problem } from '../core/problem.ts'
import { type Rate, REFUSAL_COST } from '../core/rate.ts'
import type { End, Submissions } from '../core/submissions.ts'
import type { Identity } from '../ports/access.ts'
import type { Clock, Sha256 } from '../ports/system.ts'

/** How long the caller wants to wait: until the log has the command, or until it has an end. */
export type WaitFor = 'accepted' | 'stored'

export type Sent =
  | { readonly result: 'accepted'; readonly command: Command }
  | { readonly result: 'stored'; readonly command: Command; readonly end: End & { end: 'stored' } }
  /** What was asked for is so already. */
  | { readonly result: 'already'; readonly command: Command }

/** What becomes of a command that does not get into the log. */
export const APPEND_ERRORS = {
  TOO_LARGE: '',
  LOG_UNAVAILABLE: '',
  OVERLOADED: '',
  DISK_FULL: '',
  OUTCOME_UNKNOWN: '',
} as const

/** What may become of any command. */
export const COMMAND_ERRORS = {
  ID_REUSED: '',
  SENDER_UNKNOWN: 'The sender is not registered, and was not in time; only where `users` is `registered`.',
  UNPROCESSABLE: '',
  ...APPEND_ERRORS,
} as const

/** A command's final no: what it says goes out with the command's id, so that its sender can tell it from a failed try. */
export class Refusal extends Problem {
  readonly id: string
  readonly end: 'refused' | 'dead'

  constructor(id: string, end: 'refused' | 'dead', code: ErrorCode, message: string) {
    super(code, message)
    this.id = id
    this.end = end
  }
}

export interface SendingParts {
  readonly submissions: Submissions
  readonly clock: Clock
  readonly sha256: Sha256
  readonly outcomeWaitMsMax: number
  readonly rate: Pick<Rate, 'charge'>
}

/** Commands over HTTP: each request is one try of one command, answered within `outcomeWaitMsMax`. */
export class Sending {
  readonly #parts: SendingParts
  readonly #open = new Set<Waiter>()
  #isStopping = false

  constructor(parts: SendingParts) {
    this.#parts = parts
  }

  /**
   * Resolves when the command is accepted, or when it has its end where `waitFor` says so; past the wait, an accepted command resolves as such.
   * Rejects with a Problem: what no log would change (limits), a failed append, a Refusal, or OUTCOME_UNKNOWN.
   */
  async send(identity: Identity, parts: CommandParts, waitFor: WaitFor): Promise<Sent> {
    const broken = brokenLimit(this.#parts.sha256, parts)
    if (broken !== undefined) throw new Problem(broken.code, broken.message)
    if (this.#isStopping) throw new Problem('SHUTTING_DOWN')
    const built = command(this.#parts.sha256, parts)
    return new Promise<Sent>((resolve, reject) => {
      const waiter = new Waiter(built, waitFor, identity, this.#parts, resolve, reject, () => this.#open.delete(waiter))
      this.#open.add(waiter)
      waiter.begin()
    })
  }

  /** Answers at once whoever only waits for the end of an accepted command; refuses new ones. */
  stop(): void {
    this.#isStopping = true
    for (const waiter of this.#open) waiter.hurry()
  }
}

class Waiter {
  readonly #command: Command
  readonly #waitFor: WaitFor
  readonly #identity: Identity
  readonly #parts: SendingParts
  readonly #resolve: (sent: Sent) => void
  readonly #reject: (problem: Problem) => void
  readonly #forgotten: () => void
  #isAccepted = false
  #isForgotten = false
  #cancels: (() => void)[] = []

  constructor(
    command: Command,
    waitFor: WaitFor,
    identity: Identity,
    parts: SendingParts,
    resolve: (sent: Sent) => void,
    reject: (problem: Problem) => void,
    forgotten: () => void,
  ) {
    this.#command = command
    this.#waitFor = waitFor
    this.#identity = identity
    this.#parts = parts
    this.#resolve = resolve
    this.#reject = reject
    this.#forgotten = forgotten
  }

  begin(): void {
    const { clock, submissions, outcomeWaitMsMax } = this.#parts
    this.#cancels.push(clock.after(outcomeWaitMsMax, () => this.#late()))
    const cancel = submissions.submit(
      this.#command,
      {
        mayAppend: () => undefined,
        accepted: () => this.#accepted(),
        ended: (end) => this.#ended(end),
        failed: (problem) => this.#failed(problem),
      },
      { again: false },
    )
    // It may have failed before it returned.
    if (this.#isForgotten) cancel()
    else this.#cancels.push(cancel)
  }

  /** Nobody waits any more; the command itself goes its way. */
  #forget(): void {
    if (this.#isForgotten) return
    this.#isForgotten = true
    for (const cancel of this.#cancels) cancel()
    this.#forgotten()
  }

  hurry(): void {
    if (this.#isAccepted) this.#late()
  }

  #accepted(): void {
    this.#isAccepted = true
    if (this.#waitFor === 'stored') return
    this.#resolve({ result: 'accepted', command: this.#command })
    // A refusal costs its sender (G8), so a member's end is waited for; an administrator has no rate, and an import no time for it.
    if (this.#identity.administrator) this.#forget()
  }

  #ended(end: End): void {
    this.#forget()
    const { id } = this.#command
    if (end.end === 'stored') {
      this.#resolve({ result: 'stored', command: this.#command, end })
    } else if (end.code === 'ALREADY') {
      this.#resolve({ result: 'already', command: this.#command })
    } else {
      const { user, administrator } = this.#identity
      if (!administrator) this.#parts.rate.charge(user, REFUSAL_COST)
      this.#reject(new Refusal(id, end.end, end.code, end.message || ERRORS[end.code].message))
    }
  }

  #failed(problem: Problem): void {
    this.#forget()
    this.#reject(problem)
  }

  #late(): void {
    this.#forget()
    if (this.#isAccepted) this.#resolve({ result: 'accepted', command: this.#command })
    else this.#reject(new Problem('OUTCOME_UNKNOWN'))
  }
}

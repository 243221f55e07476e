import type { StopSignals } from '../lifecycle.ts'
import type { Clock } from '../ports/system.ts'

/**
 * One verb of the command line. Its module exports it as `command`, and loads what is heavy only in `run`: a list of all
 * commands imports every one of them.
 */
export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What `--help` prints. */
  readonly help: string
  /** What `--help TOPIC` prints, where a help has more than one page. Throws a usage error for a topic that is none. */
  readonly helpOn?: (topic: string) => string
  /** By their names, which stand where the first argument would. */
  readonly subcommands?: Readonly<Record<string, Subcommand>>
  /** Resolves with the exit code: one of `EXIT`. Rejects with a `CommandError`, or with what nobody expected. */
  run(args: readonly string[], io: Io): Promise<number>
}

export type Subcommand = Pick<Command, 'help' | 'run'>

/** What a command may touch of the process it runs in. */
export interface Io {
  readonly out: Output
  readonly err: Output
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** SIGTERM and SIGINT. Whoever asks for them has taken over what they do. */
  signals(): StopSignals
  /** Ends the process, whatever connections are still open. */
  exit(code: number): void
  /** Ends it at once, also where one of its threads hangs inside the system: for a second Ctrl-C, and a stop that takes too long. */
  abandon(code: number): void
}

export interface Output {
  /** Resolves when there is room for more, so that a slow reader slows the writer down. */
  write(text: string): Promise<void>
  readonly isTerminal: boolean
  /** Whether to colour: a terminal, and nobody set NO_COLOR. */
  readonly hasColours: boolean
}

/** What an exit code means; every `--help` says so. */
export const EXIT = {
  ok: 0,
  /** It ran, and did not reach what was asked, or found something wrong. */
  failed: 1,
  /** It was called wrongly. */
  usage: 2,
  /** No server, or no data folder, where one should be. */
  unreachable: 3,
  /** The server answered, and said no. */
  refused: 4,
  /** A stop was cut short: what was under way is finished by the next start. */
  abandoned: 5,
  /** Ctrl-C, as shells count it. */
  interrupted: 130,
} as const

/** Ends a command with a sentence that says what to do, and an exit code. */
export class CommandError extends Error {
  readonly exit: number

  constructor(exit: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.name = 'CommandError'
    this.exit = exit
  }
}

export function usageError(message: string): CommandError {
  return new CommandError(EXIT.usage, message)
}

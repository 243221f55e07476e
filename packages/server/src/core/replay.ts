import type { SharedLog } from '../ports/log.ts'
import type { EntryId, LetterDocument, LetterStore, RoomId } from '../ports/store.ts'
import type { Clock, Failpoint, Sha256 } from '../ports/system.ts'
import { command, type Decoded, decodeCommand, encodeCommand } from './command.ts'
import { partitionOf } from './identity.ts'
import { appendProblem, Problem, readProblem } from './problem.ts'

export interface ReplayOptions {
  readonly letters: LetterStore
  readonly commands: SharedLog
  readonly sha256: Sha256
  readonly clock: Clock
  readonly failpoint: Failpoint
}

/**
 * Gives a dead letter's command a new try, under an identity derived from its own (R7): the claim stands, whoever resends the original
 * still gets the original answer, and replaying twice is one command. Appended first, marked second, so that a crash between
 * loses nothing. Returns the identity of the new try. Rejects with a Problem.
 */
export async function replay(options: ReplayOptions, id: EntryId, by: string): Promise<{ id: EntryId; room: RoomId }> {
  const { letters, commands, sha256, clock, failpoint } = options
  const letter = await letters.get(id).catch(rejectRead)
  if (letter === undefined) throw new Problem('NOT_FOUND', 'There is no dead letter with this id.')
  const { command: replayed, isSenderKnown } = replayable(sha256, letter)
  const { id: _id, digest: _digest, ...parts } = replayed
  const again = { ...parts, replay: parts.replay + 1 }
  const record = encodeCommand(again, isSenderKnown)
  await commands.append(partitionOf(parts.room, commands.partitions), [record]).catch((cause) => {
    throw appendProblem(cause)
  })
  failpoint('replay:appended')
  await letters.mark(id, 'replayed', clock.now(), by).catch(rejectRead)
  return { id: command(sha256, again).id, room: parts.room }
}

function replayable(sha256: Sha256, letter: LetterDocument): Decoded & { result: 'command' } {
  if (letter.state === 'discarded') throw new Problem('CONFLICT', 'This dead letter was discarded.')
  const decoded = decodeCommand(sha256, letter)
  if (decoded.result === 'command') return decoded
  throw new Problem(
    'CONFLICT',
    'The record of this dead letter is not a command, so it cannot be replayed; discard it.',
  )
}

function rejectRead(cause: unknown): never {
  throw readProblem(cause)
}

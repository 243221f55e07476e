import type { Command } from '../../../../faults/checker/history.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { type Command as CoreCommand, command, decodeCommand } from '../../src/core/command.ts'
import { Problem } from '../../src/core/problem.ts'
import { replay } from '../../src/core/replay.ts'
import type { LetterDocument } from '../../src/ports/store.ts'
import type { Chance } from './chance.ts'
import type { Engines, Processes, SharedEngines } from './processes.ts'
import { type Recorder, saidIn } from './recorder.ts'
import type { Surroundings } from './world.ts'

/** What is done with the dead letters that are found: a new try, the same one twice, one that dies half-way, or nothing more. */
export const LETTER_DEEDS = ['replay', 'replayTwice', 'replayAndDie', 'discard'] as const
export type LetterDeed = (typeof LETTER_DEEDS)[number]

const AGAIN_MS = 200
const LETTERS_MAX = 3
/** As a client of the HTTP API: what has no answer by then may or may not have happened. */
const PATIENCE_MS = 20_000
const NAME = 'operator'

/** Whoever runs the installation: lets users in, and looks after dead letters through the API of some gateway. */
export class Operator {
  readonly #surroundings: Surroundings
  readonly #engines: SharedEngines
  readonly #processes: Processes
  readonly #recorder: Recorder
  readonly #chance: Chance
  #busy = 0
  #tries = 0

  constructor(surroundings: Surroundings, engines: SharedEngines, processes: Processes, recorder: Recorder) {
    this.#surroundings = surroundings
    this.#engines = engines
    this.#processes = processes
    this.#recorder = recorder
    this.#chance = surroundings.chance.fork()
  }

  get isWaiting(): boolean {
    return this.#busy > 0
  }

  /** Lets somebody in whom the workers did not know: again and again, until it worked. */
  async register(user: string): Promise<void> {
    const { clock } = this.#surroundings
    for (;;) {
      try {
        const engines = this.#engines.visit(NAME)
        if (engines !== undefined) {
          await engines.store.users.put(user, undefined, clock.now())
          return
        }
      } catch {
        // As an operator would.
      }
      await clock.sleep(AGAIN_MS)
    }
  }

  /** Does this with the newest letters. */
  async lookAfterLetters(deed: LetterDeed): Promise<void> {
    const [gateway] = this.#processes.of('gateway')
    if (gateway === undefined) return
    this.#busy++
    const { clock } = this.#surroundings
    let isOver = false
    // Who dies answers nobody: so the patience ends it.
    const work = this.#work(gateway, deed, () => isOver).catch(() => {})
    await Promise.race([work, clock.sleep(PATIENCE_MS)])
    isOver = true
    this.#busy--
  }

  async #work(gateway: string, deed: LetterDeed, isOver: () => boolean): Promise<void> {
    const engines = this.#processes.enginesOf(gateway)
    if (engines === undefined) return
    const { items } = await engines.store.letters.list(undefined, undefined, LETTERS_MAX)
    for (const letter of items) {
      const isGone = () => isOver() || this.#processes.enginesOf(gateway) !== engines
      if (isGone()) return
      if (deed === 'discard') await this.#discard(engines, letter)
      else await this.#replay(gateway, engines, letter, { dies: deed === 'replayAndDie', isGone })
      if (deed === 'replayTwice' && !isGone()) {
        this.#surroundings.sometimes('operator.replayedTwice')
        await this.#replay(gateway, engines, letter, { dies: false, isGone })
      }
    }
  }

  async #discard({ store }: Engines, { id, state }: LetterDocument): Promise<void> {
    if (state !== 'open') return
    await store.letters.mark(id, 'discarded', this.#surroundings.clock.now(), NAME)
    this.#surroundings.sometimes('operator.discarded')
  }

  /** What is told of it, is told by a process that lives. */
  async #replay(
    gateway: string,
    engines: Engines,
    letter: LetterDocument,
    { dies, isGone }: { readonly dies: boolean; readonly isGone: () => boolean },
  ): Promise<void> {
    const again = newTryOf(letter)
    if (again === undefined) return
    const recorder = this.#recorder
    const name = `${NAME}/${++this.#tries}`
    recorder.add({ type: 'begin', t: recorder.t, try: name, command: told(again) })
    let isAppended = false
    const failpoint: Engines['failpoint'] = (at) => {
      if (at === 'replay:appended' && !isGone()) {
        isAppended = true
        recorder.add({ type: 'accepted', t: recorder.t, try: name, id: again.id })
        if (dies) {
          this.#surroundings.sometimes('operator.diedHalfWay')
          this.#processes.kill(gateway, this.#chance.below(3_000))
          throw new Error('killed half-way through a replay')
        }
      }
      engines.failpoint?.(at)
    }
    try {
      const { letters } = engines.store
      const { clock } = this.#surroundings
      await replay({ letters, commands: engines.logs.commands, sha256, clock, failpoint }, letter.id, NAME)
      this.#surroundings.sometimes('operator.replayed')
    } catch (error) {
      if (isAppended) return
      const code = error instanceof Problem ? error.code : 'INTERNAL'
      const isCertain = !isGone() && error instanceof Problem && code !== 'OUTCOME_UNKNOWN'
      recorder.add(
        isCertain
          ? { type: 'failed', t: recorder.t, try: name, code }
          : { type: 'unknown', t: recorder.t, try: name, why: code },
      )
    }
  }
}

/** The command that a replay of this letter is (R7); undefined where its record is none. */
export function newTryOf(letter: LetterDocument): CoreCommand | undefined {
  const decoded = decodeCommand(sha256, letter)
  if (decoded.result !== 'command') return undefined
  const { id: _id, digest: _digest, ...parts } = decoded.command
  return command(sha256, { ...parts, replay: parts.replay + 1 })
}

function told({ id, room, sender, clientId, authority, content, replay }: CoreCommand): Command {
  const isExempt =
    authority === 'administrator' && (content.kind === 'member_added' || content.kind === 'member_removed')
  const by = isExempt ? { administrator: true as const } : {}
  return { room, sender, clientId, id, replay, ...by, ...saidIn(sender, content) }
}

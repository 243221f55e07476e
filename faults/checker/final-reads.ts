import type { Claim, FinalEvent, FinalHistory, Letter } from './history.ts'
import type { At } from './operations.ts'
import { entryOf } from './ordered.ts'

/** What was read when all was over. */
export class FinalReads {
  readonly histories = new Map<string, FinalHistory[]>()
  /** By id; there should be one of each. */
  readonly claims = new Map<string, Claim[]>()
  readonly letters = new Map<string, Letter>()
  readonly letterLog = new Set<string>()
  readonly found = new Map<string, FinalEvent & { type: 'found' }>()
  readonly members = new Map<string, FinalEvent & { type: 'members' }>()
  readonly quietSessions = new Set<string>()
  drained: At<FinalEvent & { type: 'drained' }> | undefined
  readonly #events = new Map<FinalEvent['type'], FinalEvent>()

  add(at: number, event: FinalEvent): void {
    this.#events.set(event.type, event)
    switch (event.type) {
      case 'history':
        entryOf(this.histories, event.room, () => []).push(event)
        return
      case 'claims':
        for (const claim of event.claims) entryOf(this.claims, claim.id, () => []).push(claim)
        return
      case 'letters':
        for (const letter of event.letters) this.letters.set(letter.id, letter)
        return
      case 'letter_log':
        for (const id of event.ids) this.letterLog.add(id)
        return
      case 'found':
        this.found.set(event.room, event)
        return
      case 'members':
        this.members.set(event.room, event)
        return
      case 'quiet':
        for (const session of event.sessions) this.quietSessions.add(session)
        return
      case 'drained':
        this.drained = { at, event }
        return
    }
    event satisfies never
  }

  has(type: FinalEvent['type']): boolean {
    return this.#events.has(type)
  }

  /** The read itself, to be shown; the last one, where there are several. */
  read(type: FinalEvent['type']): readonly FinalEvent[] {
    const event = this.#events.get(type)
    return event === undefined ? [] : [event]
  }

  /** The first history read of a room. */
  history(room: string): FinalHistory | undefined {
    return this.histories.get(room)?.[0]
  }
}

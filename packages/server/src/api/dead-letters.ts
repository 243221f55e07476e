import type { Durability } from '@holdfast/protocol'
import { Problem } from '../core/problem.ts'
import type { EntryId, LetterDocument, LetterStore, RoomId, UserId } from '../ports/store.ts'
import type { Clock } from '../ports/system.ts'
import { choice, integer, text } from './query.ts'
import { type AnyRoute, json, route } from './route.ts'
import { APPEND_ERRORS } from './sending.ts'

export interface DeadLetterParts {
  readonly letters: LetterStore
  readonly clock: Clock
  /** Appends the letter's command again under a derived identity (R7), which it returns. Rejects with a Problem. */
  readonly replay: (id: EntryId, by: UserId) => Promise<{ readonly id: EntryId; readonly room: RoomId }>
  readonly durability: Durability
  readonly lettersPerPageMax: number
}

/** What could not be processed: for the operator alone. */
export function deadLetterRoutes(parts: DeadLetterParts): readonly AnyRoute[] {
  return [listLetters(parts), showLetter(parts), discardLetter(parts), replayLetter(parts)]
}

function listLetters({ letters, lettersPerPageMax }: DeadLetterParts): AnyRoute {
  return route({
    method: 'GET',
    path: '/v1/dead-letters',
    summary: 'Lists dead letters: commands that were accepted and could not be processed.',
    access: 'administrator',
    charge: 'read',
    query: {
      state: choice('Those in this state.', ['open', 'replayed', 'discarded', 'all']),
      cursor: text('The `next` of the page before. By default the first page.'),
      limit: integer('At most so many.', 1, lettersPerPageMax, Math.min(50, lettersPerPageMax)),
    },
    answers: { 200: ['letters'] },
    async handle({ query: { state, cursor, limit } }) {
      const page = await letters.list(state === 'all' ? undefined : state, cursor, limit)
      return json(200, { items: page.items.map(summary), next: page.next ?? null })
    },
  })
}

function showLetter({ letters }: DeadLetterParts): AnyRoute {
  return route({
    method: 'GET',
    path: '/v1/dead-letters/:id',
    summary: 'Shows a dead letter, with the record as it stood in the log.',
    access: 'administrator',
    charge: 'read',
    answers: { 200: ['letter'] },
    errors: NO_LETTER,
    async handle({ params }) {
      const letter = await existing(letters, params.id)
      const { key, headers, value } = letter
      return json(200, { ...summary(letter), key, headers, ...shownValue(value) })
    },
  })
}

function discardLetter({ letters, clock }: DeadLetterParts): AnyRoute {
  return route({
    method: 'DELETE',
    path: '/v1/dead-letters/:id',
    summary: 'Marks a dead letter as done with. It stays readable: nothing that was accepted is ever deleted.',
    access: 'administrator',
    charge: 'command',
    answers: { 200: ['letterMarked'] },
    errors: NO_LETTER,
    async handle({ identity, params }) {
      const { id } = await existing(letters, params.id)
      await letters.mark(id, 'discarded', clock.now(), identity.user)
      return json(200, summary(await existing(letters, id)))
    },
  })
}

function replayLetter({ replay, durability }: DeadLetterParts): AnyRoute {
  return route({
    method: 'POST',
    path: '/v1/dead-letters/:id/replay',
    summary:
      'Gives the command of a dead letter a new try, under an id derived from its own: repeating it makes no second one.',
    access: 'administrator',
    charge: 'command',
    answers: { 202: ['letterReplayed'] },
    errors: {
      ...NO_LETTER,
      ...APPEND_ERRORS,
      CONFLICT: 'The letter was discarded, or its record is no command.',
    },
    async handle({ identity, params }) {
      const { id = '' } = params
      const again = await replay(id, identity.user)
      return json(202, { id, room: again.room, replay: again.id, durability })
    },
  })
}

const NO_LETTER = { NOT_FOUND: 'There is no dead letter with this id.' } as const

async function existing(letters: LetterStore, id: EntryId = ''): Promise<LetterDocument> {
  const letter = await letters.get(id)
  if (letter === undefined) throw new Problem('NOT_FOUND', 'There is no dead letter with this id.')
  return letter
}

/** A letter without what was in it; what is not known is null. */
function summary({ key: _key, headers: _headers, value, digest: _digest, ...letter }: LetterDocument): object {
  const { room = null, sender = null, stateAt = null, stateBy = null } = letter
  return { ...letter, room, sender, stateAt, stateBy, valueBytes: value.byteLength }
}

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The record's value as it stood in the log: text where it is that, else base64. */
function shownValue(value: Uint8Array): { readonly value: string } | { readonly valueBase64: string } {
  try {
    return { value: DECODER.decode(value) }
  } catch {
    return { valueBase64: Buffer.from(value).toString('base64') }
  }
}

import type {
  AuditStore,
  Document,
  EntryId,
  LetterDocument,
  LetterStore,
  RoomId,
  Timestamp,
  UserDocument,
  UserId,
  UserStore,
} from '../../../src/ports/store.ts'
import type { Client } from './client.ts'
import { byteOrder, setting } from './collections.ts'

type LetterPlace = Pick<LetterDocument, 'firstFailedAt' | 'id'>

/** Letters as one process has them. */
export class SimulatedLetters implements LetterStore {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  list(state: LetterDocument['state'] | undefined, cursor: string | undefined, lettersMax: number) {
    return this.#client.readHistory('lists letters', async (moment) => {
      const at = await moment()
      const letters = [...this.#client.shared.collections.letters.values()]
        .flatMap((letter) => letter.at(at) ?? [])
        .filter((letter) => state === undefined || letter.state === state)
        .sort(newestFirst)
      const last = cursor === undefined ? undefined : (JSON.parse(cursor) as LetterPlace)
      const rest = last === undefined ? letters : letters.filter((letter) => newestFirst(letter, last) > 0)
      const items = rest.slice(0, lettersMax)
      const end = items.at(-1)
      const isLast = end === undefined || items.length === rest.length
      return { items, next: isLast ? undefined : JSON.stringify({ firstFailedAt: end.firstFailedAt, id: end.id }) }
    })
  }

  get(id: EntryId): Promise<LetterDocument | undefined> {
    return this.#client.readHistory('looks up a letter', async (moment) => {
      const at = await moment()
      return this.#client.shared.collections.letters.get(id)?.at(at)
    })
  }

  mark(id: EntryId, state: LetterDocument['state'], stateAt: Timestamp, stateBy: string): Promise<boolean> {
    const { set, collections } = this.#client.shared
    return this.#client.change(`marks letter ${id} ${state}`, (primary) => {
      const letter = collections.letters.get(id)
      const known = letter?.on(primary)
      if (letter === undefined || known === undefined) return false
      set.make(primary, setting(letter, { ...known, state, stateAt, stateBy }))
      return true
    })
  }
}

/** Users as one process has them. */
export class SimulatedUsers implements UserStore {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  put(user: UserId, name: string | undefined, at: Timestamp): Promise<UserDocument> {
    const { set, collections } = this.#client.shared
    return this.#client.change(`puts user ${user}`, (primary) => {
      const versioned = collections.user(user)
      const known = versioned.on(primary)
      const document = { user, name: name ?? known?.name, createdAt: known?.createdAt ?? at }
      set.make(primary, setting(versioned, document))
      return document
    })
  }

  get(user: UserId): Promise<UserDocument | undefined> {
    return this.#client.readHistory('looks up a user', async (moment) => {
      const at = await moment()
      return this.#client.shared.collections.users.get(user)?.at(at)
    })
  }
}

/** Everything a majority has. */
export class SimulatedAudit implements AuditStore {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  documents(after: { readonly room: RoomId; readonly seq: number } | undefined, documentsMax: number) {
    return this.#client.readHistory('audits', async (moment) => {
      const at = await moment()
      const { rooms } = this.#client.shared.collections
      const documents: Document[] = []
      for (const id of [...rooms.keys()].sort(byteOrder)) {
        if (documents.length >= documentsMax) break
        const order = after === undefined ? 1 : byteOrder(id, after.room)
        if (order < 0) continue
        const above = order === 0 && after !== undefined ? after.seq : Number.NEGATIVE_INFINITY
        const shown = [...(rooms.get(id)?.places.values() ?? [])].filter(({ position }) => position <= at)
        documents.push(
          ...shown
            .map(({ document }) => document)
            .filter(({ seq }) => seq > above)
            .sort(bySeq),
        )
      }
      return documents.slice(0, documentsMax)
    })
  }
}

function bySeq(a: Document, b: Document): number {
  return a.seq - b.seq
}

function newestFirst(a: LetterPlace, b: LetterPlace): number {
  return b.firstFailedAt - a.firstFailedAt || byteOrder(b.id, a.id)
}

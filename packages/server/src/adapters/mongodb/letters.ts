import { ERRORS } from '@holdfast/protocol'
import { Binary, type ClientSession } from 'mongodb'
import type { EntryId, LetterDocument, LetterStore, Timestamp } from '../../ports/store.ts'
import type { Causality, Connection } from './connection.ts'
import { type Raw, Row } from './row.ts'
import { encodeText } from './text.ts'
import { insertMissing } from './versions.ts'

type State = LetterDocument['state']

const LETTERS = 'letters'
const NEWEST_FIRST = { failedAt: -1, _id: -1 } as const

/** Dead letters. A letter never changes but for its state, and is there as often as it is written: once. */
export class Letters implements LetterStore {
  readonly #connection: Connection
  readonly #causality: Causality = { operationTime: undefined }

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** One that is there already stays as it is. */
  insert(letters: readonly LetterDocument[], session: ClientSession | undefined): Promise<void> {
    return insertMissing(this.#connection, LETTERS, letters.map(rowOf), session)
  }

  async list(state: State | undefined, cursor: string | undefined, lettersMax: number) {
    const filter = { ...(state === undefined ? {} : { state }), ...(cursor === undefined ? {} : behind(cursor)) }
    // One more than asked for tells whether there is a next page.
    const options = { sort: NEWEST_FIRST, limit: lettersMax + 1 }
    const rows = await this.#causally((session) => this.#connection.find(LETTERS, filter, session, options))
    const items = rows.slice(0, lettersMax).map(letterOf)
    const last = items.at(-1)
    return { items, next: last === undefined || rows.length <= lettersMax ? undefined : cursorOf(last) }
  }

  async get(id: EntryId): Promise<LetterDocument | undefined> {
    const filter = { _id: encodeText(id) }
    const [row] = await this.#causally((session) => this.#connection.find(LETTERS, filter, session))
    return row === undefined ? undefined : letterOf(row)
  }

  mark(id: EntryId, state: State, at: Timestamp, by: string): Promise<boolean> {
    const changes = { state, stateAt: at, stateBy: encodeText(by) }
    return this.#causally((session) =>
      this.#connection.update(LETTERS, encodeText(id), changes, { upsert: false, session }),
    )
  }

  #causally<T>(use: (session: ClientSession | undefined) => Promise<T>): Promise<T> {
    return this.#connection.causally(this.#causality, use)
  }
}

/** Headers as a list: their names are anybody's, and some are none that a field may have. */
function rowOf(letter: LetterDocument): Raw {
  const { id, digest, room, sender, reason, firstFailedAt, origin, key, headers, value, worker, build } = letter
  const { class: death, code, attempts, state, stateAt, stateBy } = letter
  return {
    _id: encodeText(id),
    digest: encodeText(digest),
    room: room === undefined ? undefined : encodeText(room),
    sender: sender === undefined ? undefined : encodeText(sender),
    class: death,
    code,
    reason: encodeText(reason),
    attempts,
    failedAt: firstFailedAt,
    origin: {
      log: encodeText(origin.log),
      partition: origin.partition,
      offset: origin.offset,
      timestamp: origin.timestamp,
    },
    key: encodeText(key),
    headers: Object.entries(headers).map(([name, value]) => ({ name: encodeText(name), value: encodeText(value) })),
    value: new Binary(value),
    worker: encodeText(worker),
    build: encodeText(build),
    state,
    stateAt,
    stateBy: stateBy === undefined ? undefined : encodeText(stateBy),
  }
}

const CLASSES = { poison: true, expired: true, unknown: true } satisfies Record<LetterDocument['class'], true>
const STATES = { open: true, replayed: true, discarded: true } satisfies Record<State, true>

function letterOf(raw: Raw): LetterDocument {
  const row = Row.of(LETTERS, raw)
  const origin = row.part('origin')
  return {
    id: row.text('_id'),
    digest: row.text('digest'),
    room: row.textIfAny('room'),
    sender: row.textIfAny('sender'),
    class: row.oneOf('class', CLASSES),
    code: row.oneOf('code', ERRORS),
    reason: row.text('reason'),
    attempts: row.integer('attempts'),
    firstFailedAt: row.integer('failedAt'),
    origin: {
      log: origin.text('log'),
      partition: origin.integer('partition'),
      offset: origin.integer('offset'),
      timestamp: origin.integer('timestamp'),
    },
    key: row.text('key'),
    headers: Object.fromEntries(row.parts('headers').map((header) => [header.text('name'), header.text('value')])),
    value: row.bytes('value'),
    worker: row.text('worker'),
    build: row.text('build'),
    state: row.oneOf('state', STATES),
    stateAt: row.integerIfAny('stateAt'),
    stateBy: row.textIfAny('stateBy'),
  }
}

function cursorOf({ firstFailedAt, id }: LetterDocument): string {
  return `${firstFailedAt}/${id}`
}

/** What is behind the place a cursor names; what is no cursor of ours stands before everything. */
function behind(cursor: string): Raw {
  const slash = cursor.indexOf('/')
  const failedAt = Number(cursor.slice(0, slash))
  if (slash < 0 || !Number.isSafeInteger(failedAt)) return {}
  return { $or: [{ failedAt: { $lt: failedAt } }, { failedAt, _id: { $lt: encodeText(cursor.slice(slash + 1)) } }] }
}

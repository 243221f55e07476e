import type { StatementSync } from 'node:sqlite'
import type { EntryId, LetterDocument, LetterStore, Timestamp } from '../../ports/store.ts'
import type { Connection } from './connection.ts'

type State = LetterDocument['state']

const COLUMNS = 'id, failed_at, state, state_at, state_by, about, value'

/** Dead letters. A letter never changes but for its state, and is there as often as it is written: once. */
export class SqliteLetters implements LetterStore {
  readonly #connection: Connection
  readonly #insert: StatementSync
  readonly #get: StatementSync
  readonly #list: StatementSync
  readonly #listOfState: StatementSync
  readonly #mark: StatementSync

  constructor(connection: Connection) {
    this.#connection = connection
    const select = `SELECT ${COLUMNS} FROM letters`
    const page = '(failed_at, id) < (?, ?) ORDER BY failed_at DESC, id DESC LIMIT ?'
    this.#insert = connection.prepare(
      `INSERT INTO letters (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
    )
    this.#get = connection.prepare(`${select} WHERE id = ?`)
    this.#list = connection.prepare(`${select} WHERE ${page}`)
    this.#listOfState = connection.prepare(`${select} WHERE state = ? AND ${page}`)
    this.#mark = connection.prepare('UPDATE letters SET state = ?, state_at = ?, state_by = ? WHERE id = ?')
  }

  /** In a transaction of the caller; one that is there already stays as it is. */
  insert({ id, firstFailedAt, state, stateAt, stateBy, value, ...about }: LetterDocument): void {
    this.#insert.run(id, firstFailedAt, state, stateAt ?? null, stateBy ?? null, JSON.stringify(about), value)
  }

  async list(state: State | undefined, cursor: string | undefined, lettersMax: number) {
    const { firstFailedAt, id } = cursor === undefined ? BEFORE_ALL : placeOf(cursor)
    // One more than asked for tells whether there is a next page.
    const limit = lettersMax + 1
    const rows = this.#connection.ask(() =>
      state === undefined
        ? this.#list.all(firstFailedAt, id, limit)
        : this.#listOfState.all(state, firstFailedAt, id, limit),
    )
    const items = rows.slice(0, lettersMax).map(letterOf)
    const last = items.at(-1)
    return { items, next: last === undefined || rows.length <= lettersMax ? undefined : cursorOf(last) }
  }

  async get(id: EntryId): Promise<LetterDocument | undefined> {
    const row = this.#connection.ask(() => this.#get.get(id))
    return row === undefined ? undefined : letterOf(row)
  }

  async mark(id: EntryId, state: State, at: Timestamp, by: string): Promise<boolean> {
    return this.#connection.transaction(() => this.#mark.run(state, at, by, id).changes === 1)
  }
}

interface Row {
  readonly id: EntryId
  readonly failed_at: Timestamp
  readonly state: State
  readonly state_at: Timestamp | null
  readonly state_by: string | null
  readonly about: string
  readonly value: Uint8Array
}

function letterOf(row: unknown): LetterDocument {
  const { id, failed_at, state, state_at, state_by, about, value } = row as Row
  const { room, sender, ...rest } = JSON.parse(about)
  return {
    ...rest,
    id,
    room,
    sender,
    firstFailedAt: failed_at,
    value,
    state,
    stateAt: state_at ?? undefined,
    stateBy: state_by ?? undefined,
  }
}

type Place = Pick<LetterDocument, 'firstFailedAt' | 'id'>

const BEFORE_ALL: Place = { firstFailedAt: Number.MAX_SAFE_INTEGER, id: '' }

function cursorOf({ firstFailedAt, id }: Place): string {
  return `${firstFailedAt}/${id}`
}

/** The place a cursor names; what is no cursor of ours stands before everything. */
function placeOf(cursor: string): Place {
  const slash = cursor.indexOf('/')
  const firstFailedAt = Number(cursor.slice(0, slash))
  return Number.isSafeInteger(firstFailedAt) ? { firstFailedAt, id: cursor.slice(slash + 1) } : BEFORE_ALL
}

import type { StatementSync } from 'node:sqlite'
import type { ClaimDocument, Content, Document, EntryDocument, EntryId, RoomId } from '../../ports/store.ts'
import type { Connection } from './connection.ts'

/** A document as a row: `kind` is the entry's kind, or how the claim ended; `body` is the text of a message and JSON otherwise. */
interface Row {
  readonly id: EntryId
  readonly room: RoomId
  readonly seq: number
  readonly kind: Content['kind'] | ClaimDocument['end']
  readonly sender: string
  readonly at: number
  readonly digest: string
  readonly origin: number
  readonly body: string
}

const COLUMNS = 'id, room, seq, kind, sender, at, digest, origin, body'

/**
 * Entries and claims in one table. It keeps its rows in the order they came, with two unique indices beside it: a table ordered
 * by one of the keys costs twice the CPU, because the rows themselves would have to move.
 */
export class Documents {
  readonly #connection: Connection
  readonly #insert: StatementSync
  readonly #byId: StatementSync
  readonly #above: StatementSync
  readonly #between: StatementSync
  readonly #betweenBackwards: StatementSync
  readonly #at: StatementSync
  readonly #behind: StatementSync

  constructor(connection: Connection) {
    this.#connection = connection
    const select = `SELECT ${COLUMNS} FROM documents`
    this.#insert = connection.prepare(`INSERT INTO documents (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#byId = connection.prepare(`${select} WHERE id = ?`)
    this.#above = connection.prepare(`${select} WHERE room = ? AND seq > max(?, 0) ORDER BY seq`)
    this.#between = connection.prepare(`${select} WHERE room = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?`)
    this.#betweenBackwards = connection.prepare(
      `${select} WHERE room = ? AND seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
    )
    this.#at = connection.prepare(`${select} WHERE room = ? AND seq = ?`)
    this.#behind = connection.prepare(`${select} WHERE (room, seq) > (?, ?) ORDER BY room, seq LIMIT ?`)
  }

  /** Throws SQLite's error where a unique key stands in the way. In a transaction of the caller. */
  insert(document: Document): void {
    const { id, room, seq, sender, at, digest } = document
    if (document.end === 'stored') {
      const { kind, ...said } = document.content
      const body = kind === 'message' && 'text' in said ? said.text : JSON.stringify(said)
      this.#insert.run(id, room, seq, kind, sender, at, digest, document.origin, body)
    } else {
      const { code, message } = document
      this.#insert.run(
        id,
        room,
        seq,
        document.end,
        sender,
        at,
        digest,
        0,
        JSON.stringify({ code, message, class: document.class }),
      )
    }
  }

  get(room: RoomId, id: EntryId): Document | undefined {
    const document = this.#document(this.#connection.ask(() => this.#byId.get(id)))
    return document?.room === room ? document : undefined
  }

  entriesAbove(room: RoomId, seq: number): readonly EntryDocument[] {
    return this.#entries(this.#connection.ask(() => this.#above.all(room, seq)))
  }

  /** The oldest entries between two seqs, both exclusive. */
  oldest(room: RoomId, above: number, below: number, entriesMax: number): readonly EntryDocument[] {
    return this.#entries(this.#connection.ask(() => this.#between.all(room, above, below, entriesMax)))
  }

  /** The newest ones, ascending too. */
  newest(room: RoomId, above: number, below: number, entriesMax: number): readonly EntryDocument[] {
    return this.#entries(
      this.#connection.ask(() => this.#betweenBackwards.all(room, above, below, entriesMax)).reverse(),
    )
  }

  entryAt(room: RoomId, seq: number): EntryDocument | undefined {
    const document = this.#document(this.#connection.ask(() => this.#at.get(room, seq)))
    return document?.end === 'stored' ? document : undefined
  }

  /** Ascending by room and seq, claims included. */
  behind(room: RoomId, seq: number, documentsMax: number): readonly Document[] {
    const rows = this.#connection.ask(() => this.#behind.all(room, seq, documentsMax)) as unknown as Row[]
    return rows.map(documentOf)
  }

  #document(row: unknown): Document | undefined {
    return row === undefined ? undefined : documentOf(row as Row)
  }

  #entries(rows: readonly unknown[]): readonly EntryDocument[] {
    return (rows as Row[]).map(documentOf).filter((document) => document.end === 'stored')
  }
}

function documentOf({ id, room, seq, kind, sender, at, digest, origin, body }: Row): Document {
  const shared = { id, room, seq, sender, at, digest }
  switch (kind) {
    case 'message':
      return { end: 'stored', ...shared, origin, content: { kind, text: body } }
    case 'refused':
    case 'dead': {
      const { code, message, class: death } = JSON.parse(body)
      return { end: kind, ...shared, code, message, class: death }
    }
    default:
      return { end: 'stored', ...shared, origin, content: { kind, ...JSON.parse(body) } }
  }
}

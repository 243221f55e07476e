import { ERRORS, type RoomKind } from '@holdfast/protocol'
import type { ClientSession } from 'mongodb'
import { Failure } from '../../ports/failure.ts'
import type {
  AuditStore,
  ClaimDocument,
  Content,
  Document,
  EntryDocument,
  EntryId,
  RoomId,
  Written,
} from '../../ports/store.ts'
import { BYTES_MAX, bytesOf, chunksOf } from './chunks.ts'
import type { Connection, WriteError } from './connection.ts'
import { documentClass, failureOf, isCertain } from './failures.ts'
import { type Raw, Row } from './row.ts'
import { encodeText } from './text.ts'

const ENTRIES = 'entries'

/** Entries and claims in one collection, inserted and never touched again. */
export class Documents implements AuditStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /**
   * In order, all of them or a prefix; the next insert begins only when the one before it is in by majority. Rejects only when it is certain
   * that nothing is in.
   */
  async insert(documents: readonly Document[], session: ClientSession | undefined): Promise<Written> {
    const rows = documents.map(rowOf)
    const at = rows.findIndex((row) => bytesOf(row) > BYTES_MAX)
    let start = 0
    for (const chunk of chunksOf(at < 0 ? rows : rows.slice(0, at), this.#connection.server.documentsMax)) {
      let errors: readonly WriteError[]
      try {
        errors = await this.#connection.insert(ENTRIES, chunk, true, session)
      } catch (error) {
        const cause = failureOf(error, 'write', this.#connection.name)
        if (start > 0 || !isCertain(cause)) return { result: 'unknown', cause }
        if (cause.class === 'poison') return { result: 'poison', at: undefined, cause }
        throw cause
      }
      const [first] = [...errors].sort((a, b) => a.index - b.index)
      if (first !== undefined) return this.#stopped(documents, start, first, session)
      start += chunk.length
    }
    if (at < 0) return { result: 'all' }
    return { result: 'poison', at, cause: new Failure('poison', `a document has more than ${BYTES_MAX} bytes`) }
  }

  async find(
    keys: readonly { readonly room: RoomId; readonly id: EntryId }[],
    session?: ClientSession,
  ): Promise<ReadonlyMap<EntryId, Document>> {
    const found = new Map<EntryId, Document>()
    if (keys.length === 0) return found
    const stored = new Map<EntryId, Document>()
    const ids = keys.map(({ id }) => encodeText(id))
    for (const document of await this.#find({ _id: { $in: ids } }, session)) stored.set(document.id, document)
    for (const { room, id } of keys) {
      const document = stored.get(id)
      if (document?.room === room) found.set(id, document)
    }
    return found
  }

  /** Of each room, ascending, the entries above a seq. */
  async above(
    seqs: ReadonlyMap<RoomId, number>,
    session?: ClientSession,
  ): Promise<ReadonlyMap<RoomId, EntryDocument[]>> {
    const above = new Map<RoomId, EntryDocument[]>([...seqs.keys()].map((room) => [room, []]))
    if (seqs.size === 0) return above
    const $or = [...seqs].map(([room, seq]) => ({ room: encodeText(room), seq: { $gt: Math.max(seq, 0) } }))
    const documents = await this.#find({ $or }, session)
    for (const document of [...documents].sort((a, b) => a.seq - b.seq))
      if (document.end === 'stored') above.get(document.room)?.push(document)
    return above
  }

  /** The oldest or the newest entries between two seqs, both exclusive; ascending. */
  async between(
    room: RoomId,
    { above, below, from, entriesMax }: Range,
    session?: ClientSession,
  ): Promise<readonly EntryDocument[]> {
    if (entriesMax <= 0 || above >= below - 1) return []
    const filter = { room: encodeText(room), seq: { $gt: Math.max(above, 0), $lt: below } }
    const sort = { seq: from === 'oldest' ? 1 : -1 } as const
    const documents = await this.#find(filter, session, { sort, limit: entriesMax })
    return documents.filter((document) => document.end === 'stored').sort((a, b) => a.seq - b.seq)
  }

  async entriesAt(
    places: ReadonlyMap<RoomId, readonly number[]>,
    session?: ClientSession,
  ): Promise<readonly EntryDocument[]> {
    if (places.size === 0) return []
    const $or = [...places].map(([room, seqs]) => ({ room: encodeText(room), seq: { $in: [...seqs] } }))
    return (await this.#find({ $or }, session)).filter((document) => document.end === 'stored')
  }

  /** [STO12] */
  async documents(
    after: { readonly room: RoomId; readonly seq: number } | undefined,
    documentsMax: number,
  ): Promise<readonly Document[]> {
    if (documentsMax <= 0) return []
    const room = after && encodeText(after.room)
    const filter = room === undefined ? {} : { $or: [{ room: { $gt: room } }, { room, seq: { $gt: after?.seq } }] }
    return this.#find(filter, undefined, { sort: { room: 1, seq: 1 }, limit: documentsMax })
  }

  /**
   * The server stopped at one document. Counts and indexes are not trusted (R8): only what a read shows is told to be in, and a key that stands
   * in the way but is not shown yet is no answer (R2).
   */
  async #stopped(
    documents: readonly Document[],
    start: number,
    { index, code, message }: WriteError,
    session: ClientSession | undefined,
  ): Promise<Written> {
    const at = start + index
    const stopped = documents[at]
    const cause = new Failure('ambiguous', `${this.#connection.name}: ${message} (${code})`)
    const found = documentClass(code)
    if (stopped === undefined || (found !== 'duplicate' && found !== 'poison')) return { result: 'unknown', cause }
    const before = documents.slice(start, at)
    const place = { room: encodeText(stopped.room), seq: stopped.seq }
    try {
      const ids = [...before, stopped].map(({ id }) => encodeText(id))
      const stored = await this.#find({ $or: [{ _id: { $in: ids } }, place] }, session)
      const isStored = ({ id, room, seq }: Document) =>
        stored.some((one) => one.id === id && one.room === room && one.seq === seq)
      if (!before.every(isStored)) return { result: 'unknown', cause }
      if (found === 'poison') return { result: 'poison', at, cause: new Failure('poison', cause.message) }
      const stands = ({ id, room, seq }: Document) =>
        id === stopped.id || (room === stopped.room && seq === stopped.seq)
      return stored.some(stands) ? { result: 'duplicate', at } : { result: 'unknown', cause }
    } catch (error) {
      return { result: 'unknown', cause: failureOf(error, 'read', this.#connection.name) }
    }
  }

  async #find(...[filter, session, options]: FindArguments): Promise<readonly Document[]> {
    return (await this.#connection.find(ENTRIES, filter, session, options)).map(documentOf)
  }
}

type Find = Connection['find']
type FindArguments = Parameters<Find> extends [string, ...infer Rest] ? Rest : never

export interface Range {
  readonly above: number
  readonly below: number
  readonly from: 'oldest' | 'newest'
  readonly entriesMax: number
}

/** `kind` is the entry's, or how the claim ended. */
function rowOf(document: Document): Raw {
  const { id, room, seq, sender, at, digest } = document
  const shared = {
    _id: encodeText(id),
    room: encodeText(room),
    seq,
    sender: encodeText(sender),
    at,
    digest: encodeText(digest),
  }
  if (document.end === 'stored') return { ...shared, origin: document.origin, ...contentRow(document.content) }
  const { end, code, message, class: death } = document
  return { ...shared, kind: end, code, message: encodeText(message), class: death }
}

function contentRow(content: Content): Raw {
  const { kind } = content
  switch (kind) {
    case 'message':
      return { kind, text: encodeText(content.text) }
    case 'room_created': {
      const { roomKind, name, members } = content
      return {
        kind,
        roomKind,
        name: name === undefined ? undefined : encodeText(name),
        members: members.map(encodeText),
      }
    }
    case 'member_added':
    case 'member_removed':
      return { kind, user: encodeText(content.user) }
  }
  content satisfies never
}

const KINDS = {
  message: true,
  room_created: true,
  member_added: true,
  member_removed: true,
  refused: true,
  dead: true,
} satisfies Record<Content['kind'] | ClaimDocument['end'], true>

export const ROOM_KINDS = { direct: true, group: true } satisfies Record<RoomKind, true>
const DEATHS = { poison: true, expired: true, unknown: true }

function documentOf(raw: Raw): Document {
  const row = Row.of(ENTRIES, raw)
  const kind = row.oneOf('kind', KINDS)
  const shared = {
    id: row.text('_id'),
    room: row.text('room'),
    seq: row.integer('seq'),
    sender: row.text('sender'),
    at: row.integer('at'),
    digest: row.text('digest'),
  }
  if (kind === 'refused' || kind === 'dead')
    return {
      end: kind,
      ...shared,
      code: row.oneOf('code', ERRORS),
      message: row.text('message'),
      class: row.oneOfIfAny('class', DEATHS),
    }
  if (shared.seq < 1) row.wrong('seq', 'a place in history')
  return { end: 'stored', ...shared, origin: row.integer('origin'), content: contentOf(row, kind) }
}

function contentOf(row: Row, kind: Content['kind']): Content {
  switch (kind) {
    case 'message':
      return { kind, text: row.text('text') }
    case 'room_created': {
      const name = row.textIfAny('name')
      const said = { kind, roomKind: row.oneOf('roomKind', ROOM_KINDS), members: row.texts('members') }
      return name === undefined ? said : { ...said, name }
    }
    case 'member_added':
    case 'member_removed':
      return { kind, user: row.text('user') }
  }
  kind satisfies never
}

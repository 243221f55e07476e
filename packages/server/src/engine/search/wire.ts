import type { SearchDocument, SearchWrite } from '../../ports/search.ts'

/**
 * A write on its way to the search thread, in columns: cloning a hundred small objects would cost more than indexing some of them.
 * Neither ids nor tokens hold a line end, so it may part them.
 */
export interface PackedWrite {
  readonly into: SearchWrite['into']
  readonly count: number
  readonly rooms: string
  readonly ids: string
  readonly senders: string
  readonly tokens: string
  readonly exact: string
  readonly seqs: Float64Array
  readonly ats: Float64Array
  readonly versions: Float64Array
  readonly heads: SearchWrite['heads']
  readonly through: SearchWrite['through']
}

export function packWrite({ into, documents, heads, through }: SearchWrite): PackedWrite {
  const column = (pick: (document: SearchDocument) => string) => documents.map(pick).join('\n')
  return {
    into,
    count: documents.length,
    rooms: column(({ room }) => room),
    ids: column(({ id }) => id),
    senders: column(({ sender }) => sender),
    tokens: column(({ tokens }) => tokens),
    exact: column(({ exact }) => exact),
    seqs: Float64Array.from(documents, ({ seq }) => seq),
    ats: Float64Array.from(documents, ({ at }) => at),
    versions: Float64Array.from(documents, ({ version }) => version),
    heads,
    through,
  }
}

export function unpackWrite({
  into,
  count,
  seqs,
  ats,
  versions,
  heads,
  through,
  ...columns
}: PackedWrite): SearchWrite {
  const { rooms: inRooms, ids: withIds, senders: bySenders, tokens: ofTokens, exact: ofExact } = columns
  const [rooms, ids, senders, tokens, exact] = [inRooms, withIds, bySenders, ofTokens, ofExact].map((column) =>
    column.split('\n'),
  )
  const documents = Array.from(
    { length: count },
    (_, i): SearchDocument => ({
      room: rooms?.[i] ?? '',
      seq: seqs[i] ?? 0,
      id: ids?.[i] ?? '',
      sender: senders?.[i] ?? '',
      at: ats[i] ?? 0,
      version: versions[i] ?? 0,
      tokens: tokens?.[i] ?? '',
      exact: exact?.[i] ?? '',
    }),
  )
  return { into, documents, heads, through }
}

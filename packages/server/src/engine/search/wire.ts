import type { SearchDocument, SearchWrite } from '../../ports/search.ts'

/**
 * A write on its way to the search thread, in columns: cloning a hundred small objects would cost more than indexing some of them.
 * Neither ids nor tokens hold a line end, so it may part them.
 */
export interface PackedWrite {
  readonly count: number
  readonly rooms: string
  readonly ids: string
  readonly senders: string
  readonly tokens: string
  readonly seqs: Float64Array
  readonly ats: Float64Array
  readonly heads: SearchWrite['heads']
  readonly through: SearchWrite['through']
}

export function packWrite({ documents, heads, through }: SearchWrite): PackedWrite {
  const column = (pick: (document: SearchDocument) => string) => documents.map(pick).join('\n')
  return {
    count: documents.length,
    rooms: column(({ room }) => room),
    ids: column(({ id }) => id),
    senders: column(({ sender }) => sender),
    tokens: column(({ tokens }) => tokens),
    seqs: Float64Array.from(documents, ({ seq }) => seq),
    ats: Float64Array.from(documents, ({ at }) => at),
    heads,
    through,
  }
}

export function unpackWrite({ count, seqs, ats, heads, through, ...columns }: PackedWrite): SearchWrite {
  const [rooms, ids, senders, tokens] = [columns.rooms, columns.ids, columns.senders, columns.tokens].map((column) =>
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
      tokens: tokens?.[i] ?? '',
    }),
  )
  return { documents, heads, through }
}

/**
 * One index, of which all that belongs to a room is in one shard (routing): so what a room's head tells of is in the same reader, and visible
 * with it. The tokens are ours; `whitespace` only parts them. Documents of three kinds:
 *
 * - messages: room, seq, at, sender, f (folded tokens), x (exact ones); the version is the document's own
 * - heads: headOf, head; the version is the head, so none is ever lowered
 * - progress: progress; replaced
 */
export const LAYOUT = {
  settings: {
    refresh_interval: '1s',
    // Shards of an index cannot be changed; a room is never larger than one.
    number_of_shards: 1,
    number_of_replicas: 1,
    auto_expand_replicas: '0-1',
    max_result_window: 10_000,
  },
  mappings: {
    dynamic: 'strict',
    _routing: { required: true },
    properties: {
      room: { type: 'keyword' },
      seq: { type: 'long' },
      at: { type: 'long' },
      sender: { type: 'keyword' },
      f: { type: 'text', analyzer: 'whitespace', norms: false },
      x: { type: 'text', analyzer: 'whitespace', norms: false, index_options: 'docs' },
      headOf: { type: 'keyword' },
      head: { type: 'long' },
      progress: { type: 'long', index: false },
    },
  },
} as const

/** Hits, heads and seqs in one answer. */
export const RESULTS_MAX = 10_000
/** Of terms in one query the engines take 65,536. */
export const ROOMS_MAX = 60_000

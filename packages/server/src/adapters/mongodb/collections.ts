/** The order of an index's fields; `unique` makes it the judge of who wins a place. */
export interface Index {
  readonly key: Readonly<Record<string, 1 | -1>>
  readonly unique?: true
}

/**
 * Every collection, with its indexes beside that on `_id`. What must have one winner is a unique key, of `_id` or here.
 *
 * - `entries`: entries and claims, never changed and never deleted. `{room, seq}` serves uniqueness, pages, heads, and sharding by room.
 * - `rooms`, `members`: what the entries of a room amount to, as rows with a version (versions.ts).
 * - `leases`, `epochs`: a row for each that was ever taken; the highest holds.
 */
export const COLLECTIONS = {
  entries: [{ key: { room: 1, seq: 1 }, unique: true }],
  // In this order a scan meets the head of a room before its document, as R3 wants it.
  rooms: [{ key: { room: 1, what: 1, version: 1 } }],
  members: [{ key: { room: 1, user: 1, version: 1 } }, { key: { user: 1 } }],
  users: [],
  letters: [{ key: { failedAt: -1, _id: -1 } }, { key: { state: 1, failedAt: -1, _id: -1 } }],
  leases: [{ key: { partition: 1, term: 1 }, unique: true }],
  epochs: [{ key: { partition: 1, epoch: 1 }, unique: true }],
  settled: [],
  installation: [],
} as const satisfies Readonly<Record<string, readonly Index[]>>

export type CollectionName = keyof typeof COLLECTIONS

/** Parts of a key as one text: no two lists of parts give the same one, and no character of it is one that engines refuse. */
export function keyOf(...parts: readonly (string | number)[]): string {
  return JSON.stringify(parts)
}

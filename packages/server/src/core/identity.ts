import type { EntryId, RoomId, UserId } from '../ports/store.ts'
import type { Sha256 } from '../ports/system.ts'

/** Crockford's base 32 in lower case: it sorts like the bytes it stands for. */
const DIGITS = Array.from('0123456789abcdefghjkmnpqrstvwxyz', (digit) => digit.charCodeAt(0))
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i
const BITS_52 = 2 ** 52

/** Reused: every command's id and digest pass through here, twice, and a string for each digit would be most of the garbage. */
const digits: number[] = new Array(26).fill(0)

/** 128 bits as 26 digits: the first 16 of these characters, each of which stands for one byte. */
function base32(bytes: string): string {
  let buffer = 0
  let bits = 0
  let at = 0
  for (let i = 0; i < 16; i++) {
    buffer = ((buffer << 8) | bytes.charCodeAt(i)) & 0x1fff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      digits[at++] = DIGITS[(buffer >> bits) & 31] ?? 0
    }
  }
  digits[at] = DIGITS[(buffer << (5 - bits)) & 31] ?? 0
  return String.fromCharCode(...digits)
}

/** Parts with their lengths before them, so that no two lists of parts give the same text. */
function joined(parts: readonly string[]): string {
  let text = ''
  for (const part of parts) text += `${part.length}:${part}`
  return text
}

/** 128 bits of SHA-256 over the parts, as 26 characters. */
export function hashOf(sha256: Sha256, parts: readonly string[]): string {
  return base32(sha256(joined(parts)))
}

/**
 * The id of the entry that this command becomes. Where the client id is a UUIDv7 the id begins with its time,
 * because keys that grow at their end dirty far fewer pages than random ones.
 */
export function entryId(sha256: Sha256, room: RoomId, sender: UserId, clientId: string): EntryId {
  const hash = sha256(joined([room, sender, clientId]))
  if (!UUID_V7.test(clientId)) return base32(hash)
  const high = Number.parseInt(clientId.slice(0, 8), 16)
  const low = Number.parseInt(clientId.slice(9, 13), 16)
  const time = String.fromCharCode(high >>> 24, (high >> 16) & 255, (high >> 8) & 255, high & 255, low >> 8, low & 255)
  return base32(time + hash.slice(6))
}

/** The identity of the n-th replay of a dead letter (R7): replaying twice is the same command. */
export function replayId(id: EntryId, n: number): EntryId {
  return n === 0 ? id : `${id}~${n}`
}

/** The identities of what the n-th replay is a new try of: the command itself, and the replays before. */
export function earlierTries(id: EntryId, n: number): readonly EntryId[] {
  const original = id.slice(0, id.lastIndexOf('~'))
  return Array.from({ length: n }, (_, earlier) => replayId(original, earlier))
}

/** The place a claim takes in the unique index on (room, seq): minus 52 bits of a hash of its id, below zero. */
export function claimSeq(sha256: Sha256, id: EntryId): number {
  const bytes = sha256(id)
  let number = 0
  for (let i = 0; i < 7; i++) number = (number * 256 + bytes.charCodeAt(i)) % BITS_52
  return -1 - number
}

/** The id of the direct room of two users, the same for both. */
export function directRoomId(sha256: Sha256, one: UserId, other: UserId): RoomId {
  return `direct-${hashOf(sha256, ['direct', ...[one, other].sort()])}`
}

/** The id of a group that was created without one. */
export function groupRoomId(sha256: Sha256, creator: UserId, clientId: string): RoomId {
  return `group-${hashOf(sha256, ['group', creator, clientId])}`
}

/** The partition of a room, by FNV-1a over its UTF-16 units: fixed for ever, like the number of partitions. */
export function partitionOf(room: RoomId, partitions: number): number {
  if (partitions === 1) return 0
  let hash = 0x811c9dc5
  for (let i = 0; i < room.length; i++) hash = Math.imul(hash ^ room.charCodeAt(i), 0x01000193) >>> 0
  return hash % partitions
}

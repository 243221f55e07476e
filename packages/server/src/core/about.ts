import type { RoomAbout } from '@holdfast/protocol'
import type { RoomDocument } from '../ports/store.ts'

/** What a room is, as people are told: in a push and over HTTP. */
export function aboutRoom({ kind, name, owner, pair, memberCount }: RoomDocument): RoomAbout {
  return {
    kind,
    ...(name === undefined ? {} : { name }),
    owner,
    ...(pair === undefined ? {} : { pair: [...pair] }),
    memberCount,
  }
}

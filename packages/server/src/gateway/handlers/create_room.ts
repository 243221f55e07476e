import type { Requests } from '@holdfast/protocol'
import { directRoomId, groupRoomId } from '../../core/identity.ts'
import type { RoomId, UserId } from '../../ports/store.ts'
import type { Sha256 } from '../../ports/system.ts'
import { submit } from '../attempt.ts'
import type { Context } from '../context.ts'
import type { Live, Session } from '../session.ts'

/** Creates a room that its creator owns. */
export function createRoom(context: Context, session: Session, live: Live, request: Requests['create_room']): void {
  const { kind: roomKind, name, members } = request
  const content = { kind: 'room_created', roomKind, members, ...(name === undefined ? {} : { name }) } as const
  submit(context, session, live, request, { room: roomOf(context.sha256, live.identity.user, request), content })
}

/** The id it was given, or the one that is made from what it is: of a pair, or of its creator and the command. */
function roomOf(sha256: Sha256, creator: UserId, { room, kind, members, clientId }: Requests['create_room']): RoomId {
  if (room !== undefined) return room
  const [other] = members
  return kind === 'direct' && other !== undefined
    ? directRoomId(sha256, creator, other)
    : groupRoomId(sha256, creator, clientId)
}

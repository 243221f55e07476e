import type { Durability } from '@holdfast/protocol'
import { aboutRoom } from '../core/about.ts'
import { directRoomId, groupRoomId } from '../core/identity.ts'
import { readable } from '../core/readable.ts'
import type { HistoryStore, RoomDocument, RoomId, UserId } from '../ports/store.ts'
import type { Sha256 } from '../ports/system.ts'
import { checkCreateRoom } from './bodies.ts'
import { authorship } from './commands.ts'
import { outcome } from './members.ts'
import { choice, integer } from './query.ts'
import { type AnyRoute, json, route } from './route.ts'
import type { Sending } from './sending.ts'
import type { ApiSettings } from './settings.ts'

export interface RoomParts {
  readonly sending: Sending
  readonly durability: Durability
  readonly history: HistoryStore
  readonly sha256: Sha256
  readonly newId: () => string
  readonly settings: Pick<ApiSettings, 'roomsPerPageMax' | 'membersPerPageMax'>
}

export function roomRoutes(parts: RoomParts): readonly AnyRoute[] {
  return [createRoom(parts), listRooms(parts), showRoom(parts)]
}

/** Waits for the outcome, unless the caller asks for less. */
function createRoom({ sending, durability, sha256, newId }: RoomParts): AnyRoute {
  return route({
    method: 'POST',
    path: '/v1/rooms',
    access: 'user',
    charge: 'command',
    query: ['wait'],
    body: checkCreateRoom,
    async handle(call) {
      const { kind, name, members = [], clientId = newId(), room: chosen, ...by } = call.body
      const author = authorship(call.identity, by)
      const room = chosen ?? madeRoomId(sha256, kind, author.sender, members, clientId)
      const said = { kind: 'room_created', roomKind: kind, members } as const
      const command = {
        ...author,
        room,
        clientId,
        authority: 'member',
        content: name === undefined ? said : { ...said, name },
        replay: 0,
      } as const
      const sent = await sending.send(call.identity, command, choice(call.query, 'wait', ['stored', 'accepted']))
      return outcome(sent, 201, { room }, durability)
    },
  })
}

/** A room that was given no id: a direct one is named by its pair, a group by its creation. */
function madeRoomId(
  sha256: Sha256,
  kind: RoomDocument['kind'],
  creator: UserId,
  [other = '']: readonly UserId[],
  clientId: string,
): RoomId {
  return kind === 'direct' ? directRoomId(sha256, creator, other) : groupRoomId(sha256, creator, clientId)
}

/** The caller's own rooms, in the order of their ids; `next` is the `after` of the next page, null at the end. */
function listRooms({ history, settings }: RoomParts): AnyRoute {
  return route({
    method: 'GET',
    path: '/v1/rooms',
    access: 'user',
    charge: 'read',
    query: ['after', 'limit'],
    async handle({ identity: { user }, query }) {
      const limit = integer(query, 'limit', 1, settings.roomsPerPageMax) ?? settings.roomsPerPageMax
      const after = query.get('after')
      const survey = await history.survey([user], [])
      const mine = [...(survey.rooms.get(user) ?? [])]
        .filter(({ document }) => after === undefined || document.room > after)
        .sort((one, other) => (one.document.room < other.document.room ? -1 : 1))
      const rooms = mine
        .slice(0, limit)
        .map(({ document, role, epoch, head }) => ({ ...shown(document), role, epoch, head }))
      return json(200, { rooms, next: mine.length > limit ? (rooms.at(-1)?.room ?? null) : null })
    },
  })
}

/** One room, with a page of its members; `membersNext` is the `membersAfter` of the next page, null at the end. */
function showRoom({ history, settings }: RoomParts): AnyRoute {
  return route({
    method: 'GET',
    path: '/v1/rooms/:room',
    access: 'user',
    charge: 'read',
    query: ['membersAfter', 'membersLimit'],
    async handle({ identity, params, query }) {
      const { room = '' } = params
      const limit = integer(query, 'membersLimit', 1, settings.membersPerPageMax) ?? settings.membersPerPageMax
      const found = await history.members(room, query.get('membersAfter'), limit + 1)
      // The caller's own membership is read last (G5): who was removed meanwhile is shown nothing.
      const view = await history.view({ room, user: identity.user, after: undefined, before: undefined, entriesMax: 0 })
      const document = readable(view, identity)
      const members = found.slice(0, limit).map(({ user, role }) => ({ user, role }))
      return json(200, {
        ...shown(document),
        role: view.member?.role ?? null,
        epoch: view.epoch,
        head: view.head,
        members,
        membersNext: found.length > limit ? (members.at(-1)?.user ?? null) : null,
      })
    },
  })
}

function shown(document: RoomDocument) {
  const { room, createdAt } = document
  return { room, ...aboutRoom(document), createdAt }
}

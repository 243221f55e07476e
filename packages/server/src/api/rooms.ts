import type { Durability } from '@holdfast/protocol'
import { aboutRoom } from '../core/about.ts'
import { directRoomId, groupRoomId } from '../core/identity.ts'
import { readable } from '../core/readable.ts'
import type { HistoryStore, RoomDocument, RoomId, UserId } from '../ports/store.ts'
import type { Sha256 } from '../ports/system.ts'
import { authorship } from './commands.ts'
import { outcome } from './members.ts'
import { choice, integer, text } from './query.ts'
import { type AnyRoute, json, route } from './route.ts'
import { COMMAND_ERRORS, type Sending } from './sending.ts'
import type { ApiSettings } from './settings.ts'
import { READING_ERRORS } from './timeline.ts'

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

function createRoom({ sending, durability, sha256, newId }: RoomParts): AnyRoute {
  return route({
    method: 'POST',
    path: '/v1/rooms',
    summary:
      'Creates a room; its creator owns it. A direct room has one other member, no name, and an id made from the pair. Without `room`, a group gets an id made from its creator and the client id.',
    access: 'user',
    charge: 'command',
    query: {
      wait: choice('What the answer waits for: until the command is durable in the log, or until it has its end.', [
        'stored',
        'accepted',
      ]),
    },
    body: 'createRoom',
    answers: { 201: ['roomCreated'], 200: ['roomExists'], 202: ['roomAccepted'] },
    errors: {
      ...COMMAND_ERRORS,
      FORBIDDEN: 'Only an administrator may name a sender or a time.',
      CONFLICT: 'A room with this id exists.',
    },
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
      const sent = await sending.send(call.identity, command, call.query.wait)
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

function listRooms({ history, settings }: RoomParts): AnyRoute {
  return route({
    method: 'GET',
    path: '/v1/rooms',
    summary: 'Lists the rooms you are in, in the order of their ids.',
    access: 'user',
    charge: 'read',
    query: {
      after: text('Rooms behind this id. By default from the first.'),
      limit: integer('At most so many.', 1, settings.roomsPerPageMax, settings.roomsPerPageMax),
    },
    answers: { 200: ['rooms'] },
    async handle({ identity: { user }, query }) {
      const { after, limit } = query
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

function showRoom({ history, settings }: RoomParts): AnyRoute {
  return route({
    method: 'GET',
    path: '/v1/rooms/:room',
    summary: 'Shows a room, with its members.',
    access: 'user',
    charge: 'read',
    query: {
      membersAfter: text('Members behind this id. By default from the first.'),
      membersLimit: integer('At most so many members.', 1, settings.membersPerPageMax, settings.membersPerPageMax),
    },
    answers: { 200: ['room'] },
    errors: READING_ERRORS,
    async handle({ identity, params, query }) {
      const { room = '' } = params
      const { membersAfter, membersLimit: limit } = query
      const found = await history.members(room, membersAfter, limit + 1)
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

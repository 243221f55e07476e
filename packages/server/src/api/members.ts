import type { Durability } from '@holdfast/protocol'
import type { Content, UserId } from '../ports/store.ts'
import { choice } from './query.ts'
import { type Answer, type AnyRoute, type Call, json, type Route, route } from './route.ts'
import type { Sending, Sent } from './sending.ts'

export interface MemberParts {
  readonly sending: Sending
  readonly durability: Durability
  /** A new client id, for a caller who names none. */
  readonly newId: () => string
}

/** Adding and removing somebody. Both wait for the outcome: the status then says what came of it. */
export function memberRoutes(parts: MemberParts): readonly AnyRoute[] {
  return [
    memberRoute(parts, 'PUT', 201, (user) => ({ kind: 'member_added', user })),
    memberRoute(parts, 'DELETE', 200, (user) => ({ kind: 'member_removed', user })),
  ]
}

function memberRoute(
  { sending, durability, newId }: MemberParts,
  method: Route['method'],
  stored: number,
  content: (user: UserId) => Content,
): AnyRoute {
  return route({
    method,
    path: '/v1/rooms/:room/members/:user',
    access: 'user',
    charge: 'command',
    query: ['wait', 'clientId'],
    async handle(call: Call): Promise<Answer> {
      const { identity, params, query } = call
      const { room = '', user = '' } = params
      const command = {
        room,
        sender: identity.user,
        clientId: query.get('clientId') ?? newId(),
        authority: identity.administrator ? 'administrator' : 'member',
        at: undefined,
        content: content(user),
        replay: 0,
      } as const
      const sent = await sending.send(call.identity, command, choice(query, 'wait', ['stored', 'accepted']))
      return outcome(sent, stored, { room, user }, durability)
    },
  })
}

/** What a command that changes a room is answered with. */
export function outcome(sent: Sent, stored: number, subject: object, durability: Durability): Answer {
  const { id } = sent.command
  switch (sent.result) {
    case 'accepted':
      return json(202, { ...subject, id, durability })
    case 'already':
      return json(200, { ...subject, id, code: 'ALREADY' })
    case 'stored': {
      const { seq, at, duplicate } = sent.end
      return json(stored, { ...subject, id, seq, at, duplicate })
    }
  }
  sent satisfies never
}

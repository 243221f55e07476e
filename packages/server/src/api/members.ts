import type { Durability } from '@holdfast/protocol'
import type { Content, UserId } from '../ports/store.ts'
import { choice, text } from './query.ts'
import { type Answer, type AnyRoute, type Description, json, route } from './route.ts'
import { COMMAND_ERRORS, type Sending, type Sent } from './sending.ts'

export interface MemberParts {
  readonly sending: Sending
  readonly durability: Durability
  /** A new client id, for a caller who names none. */
  readonly newId: () => string
}

/** Adding and removing somebody. Both wait for the outcome: the status then says what came of it. */
export function memberRoutes(parts: MemberParts): readonly AnyRoute[] {
  const add = {
    method: 'PUT',
    summary: "Adds somebody to a group: the owner's right, and an administrator's.",
    answers: { 201: ['memberStored'], 200: ['memberAlready'] },
  } as const
  const remove = {
    method: 'DELETE',
    summary: 'Removes somebody from a group: the right of its owner and of an administrator; anybody else may leave.',
    answers: { 200: ['memberStored', 'memberAlready'] },
  } as const
  return [
    memberRoute(parts, add, 201, (user) => ({ kind: 'member_added', user })),
    memberRoute(parts, remove, 200, (user) => ({ kind: 'member_removed', user })),
  ]
}

function memberRoute(
  { sending, durability, newId }: MemberParts,
  { answers, ...about }: Pick<Description, 'method' | 'summary' | 'answers'>,
  stored: number,
  content: (user: UserId) => Content,
): AnyRoute {
  return route({
    ...about,
    path: '/v1/rooms/:room/members/:user',
    access: 'user',
    charge: 'command',
    query: {
      wait: choice('What the answer waits for: until the command is durable in the log, or until it has its end.', [
        'stored',
        'accepted',
      ]),
      clientId: text('The identity of this command, so that it can be sent again. By default a new one.'),
    },
    answers: { ...answers, 202: ['memberAccepted'] },
    errors: {
      ...COMMAND_ERRORS,
      FORBIDDEN: 'Only the owner may change who is in it; the members of a direct room never change.',
      NOT_FOUND: 'There is no such room, or it was never yours.',
      NOT_A_MEMBER: 'You were removed from this room.',
      CONFLICT: 'The owner cannot leave; a room can have no more members.',
    },
    async handle({ identity, params, query }) {
      const { room = '', user = '' } = params
      const command = {
        room,
        sender: identity.user,
        clientId: query.clientId ?? newId(),
        authority: identity.administrator ? 'administrator' : 'member',
        at: undefined,
        content: content(user),
        replay: 0,
      } as const
      const sent = await sending.send(identity, command, query.wait)
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

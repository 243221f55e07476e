import type { Durability } from '@holdfast/protocol'
import { authorship } from './commands.ts'
import { choice } from './query.ts'
import { type AnyRoute, json, route } from './route.ts'
import { COMMAND_ERRORS, type Sending } from './sending.ts'

/** Saying something. Accepted is enough for an answer, unless the caller asks to wait until it is stored. */
export function messageRoutes(sending: Sending, durability: Durability): readonly AnyRoute[] {
  return [
    route({
      method: 'POST',
      path: '/v1/rooms/:room/messages',
      summary:
        'Says something in a room. Sent again with the same client id, it is the same message. A refusal that is found only after `202` is not told.',
      access: 'user',
      charge: 'command',
      query: {
        wait: choice('What the answer waits for: until the command is durable in the log, or until it has its end.', [
          'accepted',
          'stored',
        ]),
      },
      body: 'sendMessage',
      answers: { 202: ['messageAccepted'], 201: ['messageStored'] },
      errors: {
        ...COMMAND_ERRORS,
        FORBIDDEN: 'Only an administrator may name a sender or a time.',
        NOT_FOUND: 'There is no such room, or it was never yours.',
        NOT_A_MEMBER: 'You were removed from this room.',
      },
      async handle(call) {
        const { clientId, text, ...by } = call.body
        const parts = {
          ...authorship(call.identity, by),
          room: call.params.room ?? '',
          clientId,
          authority: 'member',
          content: { kind: 'message', text },
          replay: 0,
        } as const
        const sent = await sending.send(call.identity, parts, call.query.wait)
        const { id } = sent.command
        if (sent.result !== 'stored') return json(202, { id, durability })
        const { seq, at, duplicate } = sent.end
        return json(201, { id, seq, at, duplicate })
      },
    }),
  ]
}

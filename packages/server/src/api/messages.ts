import type { Durability } from '@holdfast/protocol'
import { checkSendMessage } from './bodies.ts'
import { authorship } from './commands.ts'
import { choice } from './query.ts'
import { type AnyRoute, json, route } from './route.ts'
import type { Sending } from './sending.ts'

/** Saying something. Accepted is enough for an answer, unless the caller asks to wait until it is stored. */
export function messageRoutes(sending: Sending, durability: Durability): readonly AnyRoute[] {
  return [
    route({
      method: 'POST',
      path: '/v1/rooms/:room/messages',
      access: 'user',
      charge: 'command',
      query: ['wait'],
      body: checkSendMessage,
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
        const sent = await sending.send(call.identity, parts, choice(call.query, 'wait', ['accepted', 'stored']))
        const { id } = sent.command
        if (sent.result !== 'stored') return json(202, { id, durability })
        const { seq, at, duplicate } = sent.end
        return json(201, { id, seq, at, duplicate })
      },
    }),
  ]
}

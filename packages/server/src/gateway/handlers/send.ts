import type { Requests } from '@holdfast/protocol'
import { submit } from '../attempt.ts'
import type { Context } from '../context.ts'
import type { Live, Session } from '../session.ts'

/** Says something in a room. */
export function send(context: Context, session: Session, live: Live, request: Requests['send']): void {
  const { room, text } = request
  submit(context, session, live, request, { room, content: { kind: 'message', text } })
}

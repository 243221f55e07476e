import type { Requests } from '@holdfast/protocol'
import { submit } from '../attempt.ts'
import type { Context } from '../context.ts'
import type { Live, Session } from '../session.ts'

/** Takes somebody's membership of a group away, or gives up one's own. */
export function removeMember(context: Context, session: Session, live: Live, request: Requests['remove_member']): void {
  const { room, user } = request
  submit(context, session, live, request, { room, content: { kind: 'member_removed', user } })
}

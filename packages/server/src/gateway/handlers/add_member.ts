import type { Requests } from '@holdfast/protocol'
import { submit } from '../attempt.ts'
import type { Context } from '../context.ts'
import type { Live, Session } from '../session.ts'

/** Makes somebody a member of a group. */
export function addMember(context: Context, session: Session, live: Live, request: Requests['add_member']): void {
  const { room, user } = request
  submit(context, session, live, request, { room, content: { kind: 'member_added', user } })
}

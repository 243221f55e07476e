import type { Requests } from '@holdfast/protocol'
import { Problem } from '../../core/problem.ts'
import type { Context } from '../context.ts'
import type { Live, Session } from '../session.ts'

/** A newer token for the same user with the same rights: the session goes on until the new one ends. */
export function refresh(context: Context, session: Session, live: Live, { ref, token }: Requests['refresh']): void {
  const work = async () => {
    const identity = await context.admit(token)
    const { user, administrator } = live.identity
    if (identity.user !== user || identity.administrator !== administrator)
      throw new Problem('FORBIDDEN', 'The token is of another user, or of other rights: connect with it instead.')
    live.identity = identity
    session.reply({ type: 'refreshed', ref, expires: identity.expires })
  }
  session.answer(live, ref, work)
}

import { Problem } from '../core/problem.ts'
import type { Identity } from '../ports/access.ts'
import type { Timestamp, UserId } from '../ports/store.ts'

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

/** Who a command is from and when it happened: the caller, now; or what an administrator says. Throws a FORBIDDEN or BAD_FRAME Problem. */
export function authorship(
  { user, administrator }: Identity,
  { sender = user, at }: { readonly sender?: UserId; readonly at?: number | string },
): { readonly sender: UserId; readonly at: Timestamp | undefined } {
  if (!administrator && (sender !== user || at !== undefined))
    throw new Problem('FORBIDDEN', 'Only an administrator may name a sender or a time.')
  return { sender, at: typeof at === 'string' ? instant(at) : at }
}

function instant(text: string): Timestamp {
  const at = INSTANT.test(text) ? Date.parse(text) : Number.NaN
  if (at >= 0) return at
  throw new Problem('BAD_FRAME', 'at: must be milliseconds since 1970, or an ISO 8601 instant with its offset')
}

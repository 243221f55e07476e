import { LIMITS } from '@holdfast/protocol'
import type { ApiParts } from './api.ts'
import { deadLetterRoutes } from './dead-letters.ts'
import { healthRoutes } from './health.ts'
import { memberRoutes } from './members.ts'
import { messageRoutes } from './messages.ts'
import { pageRoutes } from './page.ts'
import { roomRoutes } from './rooms.ts'
import type { Access, AnyRoute, Description, Errors } from './route.ts'
import { searchRoutes } from './search.ts'
import type { Sending } from './sending.ts'
import type { ApiSettings } from './settings.ts'
import { signInRoutes } from './sign-in.ts'
import { timelineRoutes } from './timeline.ts'
import { userRoutes } from './users.ts'

/** What the server itself refuses, whatever the route. */
export const COMMON_ERRORS: Errors = {
  BAD_FRAME: 'A parameter, a field or an id is not what it must be; the message names the first difference.',
  NOT_FOUND: 'There is nothing at this path.',
  METHOD_NOT_ALLOWED: 'See `allow` in the answer.',
  TOO_LARGE: `The body is over ${LIMITS.frameBytesMax} bytes, or a field of it over its limit.`,
  UNSUPPORTED_MEDIA_TYPE: '',
  INTERNAL: '',
  SHUTTING_DOWN: '',
}

/** What a request that needs a token can be refused with besides. */
export const TOKEN_ERRORS: Errors = {
  UNAUTHENTICATED: '',
  TOKEN_EXPIRED: '',
  FORBIDDEN: 'It is for administrators, and the token is of none.',
  RATE_LIMITED: 'Commands and reads have a rate each; administrators have none.',
  STORE_UNAVAILABLE: '',
}

export type RouteParts = ApiParts & { readonly sending: Sending }

/** Everything the API can do, each in its own file. */
export function apiRoutes(parts: RouteParts): readonly AnyRoute[] {
  const { settings, users, clock, history, durability, sending } = parts
  return [
    ...userRoutes(users, clock),
    ...roomRoutes(parts),
    ...memberRoutes(parts),
    ...messageRoutes(sending, durability),
    ...timelineRoutes(history),
    ...searchRoutes({ ...parts, queryBytesMax: settings.queryBytesMax }),
    ...deadLetterRoutes({ ...parts, lettersPerPageMax: settings.lettersPerPageMax }),
    ...healthRoutes(parts),
    ...signInRoutes(parts.signIn),
    ...pageRoutes(parts.webRoot),
  ]
}

/** What the routes say of themselves, for the reference. Nothing stands behind them: building one reads its settings only. */
export function describedRoutes(settings: ApiSettings): readonly (Description & Access)[] {
  return apiRoutes({ settings } as RouteParts)
}

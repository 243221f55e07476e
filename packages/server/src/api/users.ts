import { isId, LIMITS } from '@holdfast/protocol'
import { Problem } from '../core/problem.ts'
import type { UserDocument, UserId, UserStore } from '../ports/store.ts'
import type { Clock } from '../ports/system.ts'
import { type AnyRoute, json, route } from './route.ts'

/** Users are written straight to the store: nobody may send before they are there. */
export function userRoutes(users: UserStore, clock: Clock): readonly AnyRoute[] {
  const path = '/v1/users/:user'
  return [
    route({
      method: 'PUT',
      path,
      summary: 'Registers a user, or gives one a name. Your own, or anybody as an administrator.',
      access: 'user',
      charge: 'command',
      body: 'putUser',
      answers: { 200: ['user'] },
      errors: { FORBIDDEN: 'Only an administrator may write other users.' },
      async handle({ identity, params, body: { name } }) {
        const user = userId(params.user)
        if (!identity.administrator && identity.user !== user)
          throw new Problem('FORBIDDEN', 'Only an administrator may write other users.')
        return json(200, shown(await users.put(user, name, clock.now())))
      },
    }),
    route({
      method: 'GET',
      path,
      summary: 'Shows a user.',
      access: 'user',
      charge: 'read',
      answers: { 200: ['user'] },
      errors: { NOT_FOUND: 'There is no user with this id.' },
      async handle({ params }) {
        const found = await users.get(userId(params.user))
        if (found === undefined) throw new Problem('NOT_FOUND', 'There is no user with this id.')
        return json(200, shown(found))
      },
    }),
  ]
}

function userId(text = ''): UserId {
  if (isId(text, LIMITS.idBytesMax)) return text
  throw new Problem('BAD_FRAME', `user: must be 1 to ${LIMITS.idBytesMax} bytes without control characters`)
}

function shown({ user, name, createdAt }: UserDocument): object {
  return name === undefined ? { user, createdAt } : { user, name, createdAt }
}

import { LIMITS } from '@holdfast/protocol'
import { wireEntry } from '../core/feed.ts'
import { readable } from '../core/readable.ts'
import type { HistoryStore } from '../ports/store.ts'
import { integer } from './query.ts'
import { type AnyRoute, json, route } from './route.ts'

/** A piece of history, ascending; `before` and `after` are exclusive; the newest entries where both are left out. */
export function timelineRoutes(history: HistoryStore): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      path: '/v1/rooms/:room/timeline',
      access: 'user',
      charge: 'read',
      query: ['before', 'after', 'limit'],
      async handle({ identity, params, query }) {
        const view = await history.view({
          room: params.room ?? '',
          user: identity.user,
          before: integer(query, 'before', 0, Number.MAX_SAFE_INTEGER),
          after: integer(query, 'after', 0, Number.MAX_SAFE_INTEGER),
          entriesMax: integer(query, 'limit', 1, LIMITS.pageEntriesMax) ?? LIMITS.pageEntriesDefault,
        })
        readable(view, identity)
        return json(200, { entries: view.entries.map(wireEntry), epoch: view.epoch, head: view.head })
      },
    }),
  ]
}

import { LIMITS } from '@holdfast/protocol'
import { wireEntry } from '../core/feed.ts'
import { readable } from '../core/readable.ts'
import type { HistoryStore } from '../ports/store.ts'
import { integer } from './query.ts'
import { type AnyRoute, json, route } from './route.ts'

/** What `readable` refuses, for the reference. */
export const READING_ERRORS = {
  NOT_FOUND: 'There is no such room, or it was never yours: the two look the same. An administrator sees every room.',
  NOT_A_MEMBER: 'You were removed from this room.',
} as const

/** Pieces of history. */
export function timelineRoutes(history: HistoryStore): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      path: '/v1/rooms/:room/timeline',
      summary:
        "Shows a piece of a room's history, ascending: the newest entries, or the oldest behind `after`, or the newest before `before`; both bounds are exclusive.",
      access: 'user',
      charge: 'read',
      query: {
        before: integer('Entries below this seq.', 0, Number.MAX_SAFE_INTEGER, undefined),
        after: integer('Entries above this seq.', 0, Number.MAX_SAFE_INTEGER, undefined),
        limit: integer('At most so many.', 1, LIMITS.pageEntriesMax, LIMITS.pageEntriesDefault),
      },
      answers: { 200: ['timeline'] },
      errors: READING_ERRORS,
      async handle({ identity, params, query }) {
        const view = await history.view({
          room: params.room ?? '',
          user: identity.user,
          before: query.before,
          after: query.after,
          entriesMax: query.limit,
        })
        readable(view, identity)
        return json(200, { entries: view.entries.map(wireEntry), epoch: view.epoch, head: view.head })
      },
    }),
  ]
}

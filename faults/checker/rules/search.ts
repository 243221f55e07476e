import type { Rule } from '../rule.ts'

/** I10: in the end search finds in each room all messages of its history, and nothing else. */
export const found: Rule = {
  name: 'found',
  invariant: 'I10',
  needs: ['history', 'found'],
  *check(run) {
    for (const event of run.final.found.values()) {
      const line = run.timelines.finalLine(event.room)
      if (line === undefined) continue
      const messages = line.places.filter(({ operation }) => operation?.command.kind === 'message')
      const hits = new Set(event.ids)
      const missing = messages.filter(({ id }) => !hits.has(id))
      for (const { id } of messages) hits.delete(id)
      const [first] = missing
      if (first !== undefined) {
        const sentence = `search lacks ${missing.length} of ${messages.length} messages of ${event.room}: ${first.id} at ${first.seq}`
        yield { sentence, records: [event], times: missing.length }
      }
      if (hits.size > 0)
        yield {
          sentence: `search finds ${[...hits].slice(0, 3).join(', ')} in ${event.room}, which is no message there`,
          records: [event],
          times: hits.size,
        }
      if (event.partial) yield { sentence: `search of ${event.room} is still partial in the end`, records: [event] }
    }
  },
}

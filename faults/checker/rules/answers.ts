import type { Answer } from '../history.ts'
import type { Operation } from '../operations.ts'
import type { Finding, Rule } from '../rule.ts'

/**
 * I8: whoever asks again is told what was told the first time, however much later. (That a place is the same place is said by `places`.)
 * Of what lived through a restore the answers of the old epoch may still be on their way.
 */
export const sameAnswer: Rule = {
  name: 'sameAnswer',
  invariant: 'I8',
  needs: [],
  *check(run) {
    for (const operation of run.operations.all) {
      if (run.isRestored(operation)) continue
      const [first, ...others] = operation.ends
      const other = others.find(({ event }) => first !== undefined && said(event) !== said(first.event))
      if (first === undefined || other === undefined) continue
      const sentence = `${operation.name} was told ${said(first.event)}, and then ${said(other.event)}`
      yield { sentence, records: [first.event, other.event] }
    }
  },
}

function said(answer: Answer): string {
  return answer.type === 'stored' ? 'stored' : `${answer.type} with ${answer.code}`
}

/**
 * I8: `duplicate` says whether the command had been sent before. One try at most is told that it is the first. One that began after the
 * command was acknowledged is not; one that ended before any other began is.
 */
export const duplicates: Rule = {
  name: 'duplicates',
  invariant: 'I8',
  needs: [],
  *check(run) {
    for (const operation of run.operations.all) if (!run.isRestored(operation)) yield* wronglyTold(operation)
  },
}

function* wronglyTold(operation: Operation): Iterable<Finding> {
  const { tries, durable, name } = operation
  const stored = tries.flatMap(({ begin, ends: [end] }) => {
    if (end?.event.type !== 'stored') return []
    return { begin, at: end.at, event: end.event }
  })
  const firsts = stored.filter(({ event }) => !event.duplicate)
  const late = firsts.find(({ begin }) => durable !== undefined && begin.at > durable.at)
  const [one, another] = firsts
  // Tries are in the order of their begin, so whoever comes first began first.
  const second = tries[1]?.begin.at ?? Number.POSITIVE_INFINITY
  const alone = stored.find(({ begin, at, event }) => begin.at < second && at < second && event.duplicate)
  if (late !== undefined && durable !== undefined)
    yield {
      sentence: `${name} was acknowledged, sent again, and told to be no duplicate`,
      records: [durable.event, late.begin.event, late.event],
    }
  else if (one !== undefined && another !== undefined)
    yield { sentence: `two tries of ${name} were told to be no duplicate`, records: [one.event, another.event] }
  else if (alone !== undefined)
    yield {
      sentence: `${name} was told to be a duplicate before it was sent twice`,
      records: [alone.begin.event, alone.event],
    }
}

/** I8: one end for each try, and none in the place of another: an error never comes behind `accepted`, nor `accepted` behind an end. */
export const oneAnswer: Rule = {
  name: 'oneAnswer',
  invariant: 'I8',
  needs: [],
  *check(run) {
    for (const { operation, one } of run.operations.tries) {
      const { accepted, failed, ends } = one
      const [first, second] = ends
      const records = [one.begin, accepted, failed, ...ends].flatMap((told) => told?.event ?? [])
      const wrong =
        second !== undefined
          ? `${ends.length} ends`
          : failed !== undefined && (accepted !== undefined || first !== undefined)
            ? 'an error that says that it was not appended, and another answer'
            : accepted !== undefined && first !== undefined && first.at < accepted.at
              ? 'its end before it was accepted'
              : undefined
      if (wrong !== undefined) yield { sentence: `one try of ${operation.name} was told ${wrong}`, records }
    }
  },
}

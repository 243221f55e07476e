import type { Rule } from '../rule.ts'

/** I9: some time after the last fault is over nothing is left to do, for any consumer group. */
export const drained: Rule = {
  name: 'drained',
  invariant: 'I9',
  needs: ['drained'],
  *check(run) {
    const { healed, circumstances, final } = run
    if (healed === undefined || final.drained === undefined) return
    const { lag, t } = final.drained.event
    const records = [healed.event, final.drained.event]
    for (const [group, left] of Object.entries(lag))
      if (left > 0) yield { sentence: `${group} never came to its end after healing: ${left} are left`, records }
    const ms = t - healed.event.t
    if (ms > circumstances.recoveryMsMax)
      yield { sentence: `it took ${ms} ms from healing to no lag, more than ${circumstances.recoveryMsMax}`, records }
  },
}

/** I9: what is sent after that ends, in time: new sends work with no restart by hand. */
export const works: Rule = {
  name: 'works',
  invariant: 'I9',
  needs: ['drained'],
  *check(run) {
    const after = run.final.drained
    if (after === undefined) return
    for (const operation of run.operations.all) {
      const begin = operation.begin.event
      if (operation.begun < after.at) continue
      const end = operation.ends[0]?.event
      if (end === undefined)
        yield { sentence: `${operation.name}, sent after recovery, has no end`, records: [after.event, begin] }
      else if (end.t - begin.t > run.circumstances.recoveryMsMax)
        yield {
          sentence: `${operation.name}, sent after recovery, took ${end.t - begin.t} ms`,
          records: [after.event, begin, end],
        }
    }
  },
}

/** I9: everybody who waits is answered: on a session that is open to the end every try that was not given up has its end (G1). */
export const answered: Rule = {
  name: 'answered',
  invariant: 'I9',
  needs: ['quiet'],
  *check(run) {
    for (const { operation, one } of run.operations.tries) {
      const { begin, accepted, failed, isGivenUp, ends } = one
      if (ends.length > 0 || failed !== undefined || isGivenUp) continue
      if (!run.final.quietSessions.has(begin.event.session ?? '')) continue
      const sentence = `${operation.name} was sent on ${begin.event.session}, which is still open, and never told its end there`
      yield { sentence, records: accepted === undefined ? [begin.event] : [begin.event, accepted.event] }
    }
  },
}

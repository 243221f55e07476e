import { Failure } from '../ports/failure.ts'
import type { TimelineStore } from '../ports/store.ts'
import type { Clock } from '../ports/system.ts'

/** The store with a deadline on each call, where its engine can be timed out; else the store as it is. */
export function withDeadlines(store: TimelineStore, clock: Clock, attemptMsMax: number): TimelineStore {
  if (!store.canTimeOut) return store
  const timed = <T>(call: string, answer: Promise<T>) => before(clock, attemptMsMax, call, answer)
  return {
    canTimeOut: true,
    find: (keys) => timed('find', store.find(keys)),
    load: (rooms, users) => timed('load', store.load(rooms, users)),
    write: (request) => timed('write', store.write(request)),
    lease: (partition, worker) => timed('lease', store.lease(partition, worker)),
    term: (partition) => timed('term', store.term(partition)),
    settled: (partition) => timed('settled', store.settled(partition)),
    epoch: (partition) => timed('epoch', store.epoch(partition)),
    raiseEpoch: (partition, epoch) => timed('raiseEpoch', store.raiseEpoch(partition, epoch)),
  }
}

/** The answer in time, or an `ambiguous` failure: what was asked for may still happen. */
export function before<T>(clock: Clock, ms: number, call: string, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Failure('ambiguous', `the store did not answer ${call} within ${ms} ms`))
    const cancel = clock.after(ms, late)
    answer.then(resolve, reject).finally(cancel)
  })
}

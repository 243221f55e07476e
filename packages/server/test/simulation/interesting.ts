import { LOG_EVENTS } from './log.ts'
import { SEARCH_EVENTS, SEARCH_FAULTS } from './search.ts'
import { STORE_EVENTS, STORE_FAULTS } from './store.ts'

/**
 * What no engine behind the ports may do, so that no run draws it: an ordered bulk that goes on past a failure leaves holes, where a
 * store keeps a prefix (STO3); an adapter of such a server writes in pieces that cannot.
 */
export const NEVER: readonly string[] = ['store.write.goesOn']

/** What never happens in a run: it is not drawn; or, `understated`, so few writes stop behind their first document that 5,000 seeds meet none. */
const ABSENT: readonly string[] = [...NEVER, 'store.write.wentOn', 'store.write.understated']

/** What is known to come of a simulated installation: a campaign that never met one of these has not looked there. */
export const INTERESTING: readonly string[] = [
  ...LOG_EVENTS,
  ...STORE_FAULTS,
  ...STORE_EVENTS,
  ...SEARCH_FAULTS,
  ...SEARCH_EVENTS,
  ...['connected', 'cut.between', 'cut.server', 'stalled'].map((name) => `network.${name}`),
  ...['gateway', 'worker', 'indexer'].flatMap((role) =>
    ['killed', 'stopped', 'frozen'].map((how) => `process.${how}.${role}`),
  ),
  ...['dies', 'freezes'].map((how) => `process.step.${how}`),
  ...['adopted', 'conflict', 'dead', 'fenced', 'reused', 'waited'].map((name) => `worker.${name}`),
  ...['reloaded', 'repeated', 'reused', 'searched'].map((name) => `person.${name}`),
  ...['discarded', 'diedHalfWay', 'replayed', 'replayedTwice'].map((name) => `operator.${name}`),
].filter((name) => !ABSENT.includes(name))

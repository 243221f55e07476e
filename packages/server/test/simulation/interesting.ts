import type { FailpointName } from '../../src/ports/system.ts'
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

const PEOPLE_AND_PROCESSES: readonly string[] = [
  ...['connected', 'cut.between', 'cut.server', 'stalled'].map((name) => `network.${name}`),
  ...['gateway', 'worker', 'indexer'].flatMap((role) =>
    ['killed', 'stopped', 'frozen'].map((how) => `process.${how}.${role}`),
  ),
  ...['reloaded', 'repeated', 'reused', 'searched'].map((name) => `person.${name}`),
  ...['discarded', 'diedHalfWay', 'replayed', 'replayedTwice'].map((name) => `operator.${name}`),
]

/** Where the one process of an installation on SQLite is killed, and where what it does fails. */
const STEPS: readonly FailpointName[] = [
  ...(['append:before', 'append:after', 'worker:fetched', 'worker:loaded', 'worker:stored', 'worker:settled'] as const),
  ...(['store:mid-write', 'store:written', 'store:committed', 'feed:before', 'feed:partial', 'feed:after'] as const),
  ...(['dead-letter:before', 'dead-letter:after'] as const),
]

/** What is known to come of an installation on SQLite's files. */
export const INTERESTING_ON_SQLITE: readonly string[] = [
  ...STEPS.flatMap((step) => [`sqlite.kill.${step}`, `sqlite.fail.${step}`]),
  'store.restored.untold',
  ...['adopted', 'dead', 'waited'].map((name) => `worker.${name}`),
  ...PEOPLE_AND_PROCESSES,
]

/** What is known to come of a simulated installation: a campaign that never met one of these has not looked there. */
export const INTERESTING: readonly string[] = [
  ...LOG_EVENTS,
  ...STORE_FAULTS,
  ...STORE_EVENTS,
  ...SEARCH_FAULTS,
  ...SEARCH_EVENTS,
  ...['dies', 'freezes'].map((how) => `process.step.${how}`),
  ...['adopted', 'conflict', 'dead', 'fenced', 'reused', 'waited'].map((name) => `worker.${name}`),
  ...PEOPLE_AND_PROCESSES,
].filter((name) => !ABSENT.includes(name))

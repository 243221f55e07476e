import { engineFaults, faultsOf } from '../line.ts'

const CALLS = ['store.read', 'store.change', 'store.write', 'store.history']

/** Every fault of the simulated store: each has its own probability, and is counted when it strikes. */
export const STORE_FAULTS: readonly string[] = [
  ...engineFaults('store'),
  ...CALLS.flatMap((call) => Object.values(faultsOf(call))),
  'store.failover',
  'store.majoritySlow',
  'store.notPrimary',
  'store.poison',
  'store.change.late',
  'store.read.old',
  'store.read.torn',
  'store.history.old',
  'store.history.torn',
  'store.write.torn',
  'store.write.interleaved',
  'store.write.late',
  'store.write.broken',
  // More than the port allows ([STO3]: all of them or a prefix): it leaves holes in a room, and an adapter has to keep its bulks so short that
  // such an engine never does it.
  'store.write.goesOn',
  'store.write.understated',
  'store.write.poisonNameless',
]

/** What comes of them, counted too: a campaign in which one of these never happened has shown too little. */
export const STORE_EVENTS: readonly string[] = [
  'store.duplicate',
  'store.duplicate.unseen',
  'store.history.epochChanged',
  'store.landedLate',
  'store.restored.told',
  'store.restored.untold',
  'store.rolledBack',
  'store.twoPrimaries',
  'store.write.wentOn',
]

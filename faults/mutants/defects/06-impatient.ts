import { type Mutant, tests } from '../mutant.ts'
import { LANE_TESTS } from '../places.ts'

/** Who is not known yet fails, holds everybody up, or is passed by their own later messages. */
export const IMPATIENT: readonly Mutant[] = [
  {
    name: 'doubt-dies-at-once',
    undoes: 'defect 6',
    what: 'A command whose sender is not known yet is dead at once.',
    edits: [
      {
        file: 'packages/server/src/worker/plan.ts',
        find: `        if (!this.#givesUp(item)) this.#wait(item, decision.doubt)
        else return this.#die(item, expired(decision.doubt))
        return true`,
        replace: `        return this.#die(item, expired(decision.doubt))`,
      },
    ],
    killedBy: tests(['WRK20', 'WRK21'], [LANE_TESTS]),
  },
  {
    name: 'no-budget-of-time',
    undoes: 'defect 6',
    what: 'A doubt is given up after a number of tries, however soon that is.',
    edits: [
      {
        file: 'packages/server/src/core/lanes.ts',
        find: `    return doubts >= this.#settings.laneTriesMin && lookedUpAt >= timestamp + this.#settings.laneWaitMsMax`,
        replace: `    return doubts >= this.#settings.laneTriesMin`,
      },
    ],
    killedBy: tests(['WRK21'], [LANE_TESTS]),
  },
  {
    name: 'no-budget-of-tries',
    undoes: 'defect 6',
    what: 'A doubt whose time passed while nobody worked is given up without a fresh try.',
    edits: [
      {
        file: 'packages/server/src/core/lanes.ts',
        find: `    return doubts >= this.#settings.laneTriesMin && lookedUpAt >= timestamp + this.#settings.laneWaitMsMax`,
        replace: `    return lookedUpAt >= timestamp + this.#settings.laneWaitMsMax`,
      },
    ],
    killedBy: tests(['WRK21'], [LANE_TESTS]),
  },
  {
    name: 'outage-counts-as-a-try',
    undoes: 'defect 6',
    what: 'A look-up that the store did not answer counts as one that found nobody.',
    edits: [
      {
        file: 'packages/server/src/worker/ownership.ts',
        find: `      lanes.postpone(lookedUpAt, clock.now())
      return []`,
        replace: `      return lanes.release(new Set(), lookedUpAt, clock.now())`,
      },
    ],
    killedBy: tests(['WRK21'], [LANE_TESTS]),
  },
  {
    name: 'no-back-off',
    undoes: 'defect 6',
    what: 'Who waits is looked up again every millisecond.',
    edits: [
      {
        file: 'packages/server/src/core/lanes.ts',
        find: `      else room.dueAt = now + waitMs(this.#random, this.#settings.laneBackoff, tries)`,
        replace: `      else room.dueAt = now + Math.min(1, tries)`,
      },
    ],
    killedBy: tests(['WRK20'], [LANE_TESTS]),
  },
  {
    name: 'followers-overtake',
    undoes: 'defect 6',
    what: 'A later message of a sender who has become known passes the earlier one that still waits.',
    edits: [
      {
        file: 'packages/server/src/worker/plan.ts',
        find: `    return this.#waits.inLane(item) || waits.inLane(item) || lanes.waits(item.room, item.sender)`,
        replace: `    return lanes.lanes < 0 && waits.inLane(item)`,
      },
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `      } else if (item.command !== undefined && item.death === undefined && !lanes.waits(item.room, item.sender)) {`,
        replace: `      } else if (item.command !== undefined && item.death === undefined) {`,
      },
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `      if (command !== undefined && !isSenderKnown && !users.has(sender) && !found.has(id) && !lanes.waits(room, sender))`,
        replace: `      if (command !== undefined && !isSenderKnown && !users.has(sender) && !found.has(id) && lanes.lanes >= 0)`,
      },
    ],
    killedBy: tests(['WRK20'], [LANE_TESTS]),
  },
  {
    name: 'everybody-waits',
    undoes: 'defect 6',
    what: 'As long as one sender is not known, nothing of anybody is stored.',
    edits: [
      {
        file: 'packages/server/src/worker/plan.ts',
        find: `    return this.#waits.inLane(item) || waits.inLane(item) || lanes.waits(item.room, item.sender)`,
        replace: `    return this.waiting.length > 0 || waits.inRoom(item.room) || lanes.waitsIn(item.room)`,
      },
    ],
    killedBy: tests(['WRK20'], [LANE_TESTS]),
  },
]

import { type Mutant, tests } from '../mutant.ts'
import { COMMAND_TESTS, ROOM_TESTS, SENDING_TESTS, SESSION_TESTS, SIMULATION_TESTS, START_TESTS } from '../places.ts'

/** The rules of gateway and SDK that keep order, answers and privacy, one at a time. */
export const GATEWAY_RULES: readonly Mutant[] = [
  {
    name: 'lost-answers-stay-lost',
    undoes: 'G1',
    what: 'What the feed said while nobody listened is not read from the store, so that some who wait are never answered.',
    edits: [
      {
        file: 'packages/server/src/gateway/catch-up.ts',
        find: `    await this.#intake.lookUp()
`,
        replace: '',
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'admitted-before-the-tail',
    undoes: 'G1',
    what: 'A session is admitted before the feed is followed.',
    edits: [
      {
        file: 'packages/server/src/gateway/establishment.ts',
        find: `    if (this.#isUp) return Promise.resolve(true)`,
        replace: `    if (this.#isUp || session.live === undefined) return Promise.resolve(true)`,
      },
    ],
    killedBy: tests(['GW1'], [SESSION_TESTS]),
  },
  {
    name: 'waiter-after-its-append',
    undoes: 'G1',
    what: 'A waiter is registered a moment after its append, so that a fast answer finds nobody.',
    edits: [
      {
        file: 'packages/server/src/core/intake.ts',
        find: `    if (others === undefined) this.#waiting.set(id, [waiter])
    else others.push(waiter)
    this.#count += 1
    this.#appender`,
        replace: `    this.#parts.clock.after(100, () => {
      if (others === undefined) this.#waiting.set(id, [waiter])
      else others.push(waiter)
    })
    this.#count += 1
    this.#appender`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'failure-closes-no-lane',
    undoes: 'G2',
    what: 'A command that failed lets those behind it pass.',
    edits: [
      {
        file: 'packages/server/src/gateway/lane.ts',
        find: `    lane.failAt(place)
    if (this.#current.get(room) === lane) this.#current.set(room, new Lane(lane.generation + 1))`,
        replace: `    if (this.#current.get(room) === lane) this.#current.set(room, new Lane(lane.generation + 1))`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'numbers-go-unchecked',
    undoes: 'G2',
    what: 'A frame under an old number of its room is taken like one under the present number.',
    edits: [
      {
        file: 'packages/server/src/gateway/attempt.ts',
        find: `  if (generation !== (request.generation ?? 0)) {`,
        replace: `  if (generation < (request.generation ?? 0)) {`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'only-the-refused-come-again',
    undoes: 'G2',
    what: 'Told a higher number, the client sends only what was refused, behind what it has sent since.',
    edits: [
      {
        file: 'packages/client/src/lanes.ts',
        find: `    for (const command of lane.commands) if (command.standing === 'sent') this.#stand(command, 'queued')
    requeue(lane)
    const {`,
        replace: `    for (const command of [...lane.commands].reverse()) if (command.standing === 'sent') this.#stand(command, 'queued')
    requeue(lane)
    lane.queue.reverse()
    const {`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'accepted-is-for-ever',
    undoes: 'G3',
    what: 'What was accepted on a connection that is gone is not asked for again.',
    edits: [
      {
        file: 'packages/client/src/lanes.ts',
        find: `      for (const command of lane.commands) this.#stand(command, 'queued')`,
        replace: `      for (const command of lane.commands) if (command.standing === 'sent') this.#stand(command, 'queued')`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'doubtful-is-abandoned',
    undoes: 'G3',
    what: 'A command that may have been appended is taken back when its sender gives up.',
    edits: [
      {
        file: 'packages/client/src/lanes.ts',
        find: ` || command.doubtful > 0) return false`,
        replace: ` || command.standing === 'accepted') return false`,
      },
    ],
    killedBy: tests(['SDK7'], [COMMAND_TESTS]),
  },
  {
    name: 'again-goes-unsaid',
    undoes: 'G3',
    what: 'The client does not say that a command was sent before, so that nobody looks for its end.',
    edits: [
      {
        file: 'packages/client/src/lanes.ts',
        find: `    const again = command.again || command.doubtful > 0`,
        replace: `    const again = command.again`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'already-leaves-nothing',
    undoes: 'G4',
    what: 'A command that asks for what already is ends without a claim.',
    edits: [
      {
        file: 'packages/server/src/worker/plan.ts',
        find: `    this.#write(item, claim, { end: 'refused', claim })`,
        replace: `    if (code !== 'ALREADY') this.#write(item, claim, { end: 'refused', claim })
    else item.outcome = { end: 'refused', claim }`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'pushed-after-the-removal',
    undoes: 'G5',
    what: 'Whoever was removed is pushed what else the fill has read.',
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `      if (!this.#isOpen) break
`,
        replace: '',
      },
    ],
    killedBy: tests(['GW23'], [ROOM_TESTS]),
  },
  {
    name: 'removed-but-stays',
    undoes: 'G5',
    what: 'Who was removed stays in the room.',
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `    if (!frame.removes) this.#since = frame.seq
    else if (frame.seq > this.#since) {`,
        replace: `    if (!frame.removes) this.#since = frame.seq
    else if (frame.seq > this.#since + 1_000) {`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'restore-goes-unseen',
    undoes: 'G6',
    what: 'A feed that tells of what the store lacks raises no epoch.',
    edits: [
      {
        file: 'packages/server/src/worker/start.ts',
        find: `!hasLost && !feed.lacksDocument && feed.epoch <= epoch`,
        replace: `!hasLost`,
      },
    ],
    killedBy: tests(['WRK43'], [START_TESTS]),
  },
  {
    name: 'epochs-mixed',
    undoes: 'G7',
    what: 'A fill goes on under the old epoch when the store tells of a higher one.',
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `      if (view.epoch > this.#epoch) return this.#startOver(view.epoch)
`,
        replace: `      if (view.epoch > this.#epoch) this.#epoch = view.epoch
`,
      },
    ],
    killedBy: tests(['GW24'], [ROOM_TESTS]),
  },
  {
    name: 'refusals-cost-nothing',
    undoes: 'G8',
    what: 'A refusal costs its sender no more than a send.',
    edits: [
      {
        file: 'packages/server/src/gateway/attempt.ts',
        find: ` && !administrator) this.#context.rate.charge(user, REFUSAL_COST)`,
        replace: ` && !administrator) this.#context.rate.charge(user, 0 * REFUSAL_COST)`,
      },
    ],
    killedBy: tests(['GW15'], [SENDING_TESTS]),
  },
  {
    name: 'additions-go-untold',
    undoes: 'G9',
    what: 'An addition in the feed opens the room for nobody.',
    edits: [
      {
        file: 'packages/server/src/gateway/tail.ts',
        find: `      if (session.live?.rooms.has(room) === false)`,
        replace: `      if (session.live === undefined)`,
      },
    ],
    killedBy: tests(['GW22'], [ROOM_TESTS]),
  },
  {
    name: 'gap-over-a-membership',
    undoes: 'G10',
    what: "A gap stands for more than is replayed, its reader's own return to the room among it.",
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `place === undefined || (isFar && this.#since > place.seq)`,
        replace: `place === undefined`,
      },
    ],
    killedBy: tests(['GW19'], [ROOM_TESTS]),
  },
  {
    name: 'old-reads-pass',
    undoes: 'G11',
    what: 'A room is opened on a read that is older than what the feed has shown.',
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `      if (!isOld && (!isDoubted || isBelieved)) return view`,
        replace: `      if (!isDoubted || isBelieved || isOld) return view`,
      },
    ],
    killedBy: tests(['GW25'], [ROOM_TESTS]),
  },
  {
    name: 'no-sweep',
    undoes: 'G11',
    what: 'Nobody looks again for what the feed never said.',
    edits: [
      {
        file: 'packages/server/src/gateway/catch-up.ts',
        find: `      if (establishment.isUp) this.run()
`,
        replace: `      if (!establishment.isUp) this.run()
`,
      },
    ],
    killedBy: tests(['GW26'], [ROOM_TESTS]),
  },
]

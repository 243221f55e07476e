import { type Mutant, simulator, tests } from '../mutant.ts'
import { COMMAND_TESTS, ISOLATION_TESTS, ROOM_TESTS, SENDING_TESTS, SESSION_TESTS } from '../places.ts'

/** The rules that keep order and answers between SDK, gateway and worker (G1 to G4, G8). */
export const ANSWERS: readonly Mutant[] = [
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
    killedBy: tests(['GW11'], [SENDING_TESTS]),
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
    killedBy: tests(['GW9'], [SENDING_TESTS]),
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
    killedBy: tests(['GW13'], [SENDING_TESTS]),
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
    killedBy: tests(['GW13'], [SENDING_TESTS]),
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
    killedBy: simulator(),
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
    killedBy: simulator(),
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
    killedBy: tests(['SDK4'], [COMMAND_TESTS]),
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
    killedBy: simulator(),
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
    name: 'rooms-not-read-again',
    undoes: 'G1',
    what: 'After the tail was away only those who wait are looked after, not the rooms and memberships of those who are here.',
    edits: [
      {
        file: 'packages/server/src/gateway/catch-up.ts',
        find: `const users = hub.users()`,
        replace: `const users = hub.users().slice(0, 0)`,
      },
    ],
    killedBy: tests(['GW26'], [ROOM_TESTS]),
  },
  {
    name: 'claims-not-looked-up',
    undoes: 'G1',
    what: 'Who waits for a command that was refused or died is told nothing when the feed has missed it.',
    edits: [
      {
        file: 'packages/server/src/core/intake.ts',
        find: `        if (outcome !== undefined) waiter.found(outcome)`,
        replace: `        if (outcome?.end === 'stored') waiter.found(outcome)`,
      },
    ],
    killedBy: tests(['GW11'], [SENDING_TESTS]),
  },
  {
    name: 'waiter-outlives-its-socket',
    undoes: 'G1',
    what: 'Who has gone still stands among those who wait.',
    edits: [
      {
        file: 'packages/server/src/core/intake.ts',
        find: `    waiter.cancelled = true
    this.#forget(waiter)`,
        replace: `    waiter.cancelled = true`,
      },
    ],
    killedBy: tests(['GW12'], [SENDING_TESTS]),
  },
  {
    name: 'unchecked-at-the-queue',
    undoes: 'G2',
    what: 'A command that waits behind one that failed is not asked again before it is appended.',
    edits: [
      {
        file: 'packages/server/src/gateway/attempt.ts',
        find: `return this.#lane.isOpenTo(this.#place) ? undefined : new Problem('OUT_OF_ORDER')`,
        replace: `return this.#lane.isOpenTo(-1 * this.#place) ? undefined : new Problem('OUT_OF_ORDER')`,
      },
    ],
    killedBy: tests(['GW13'], [SENDING_TESTS]),
  },
  {
    name: 'look-up-holds-nobody',
    undoes: 'G2',
    what: 'What is sent behind a command that is being looked up is appended before it.',
    edits: [
      {
        file: 'packages/server/src/core/intake.ts',
        find: `else if (held !== undefined) this.#hold(waiter, held)`,
        replace: `else if (held !== undefined && again) this.#hold(waiter, held)`,
      },
    ],
    killedBy: tests(['GW14'], [SENDING_TESTS]),
  },
  {
    name: 'found-but-appended',
    undoes: 'G3',
    what: 'What the look-up of a repeat has found is no answer: the command is appended once more.',
    edits: [
      {
        file: 'packages/server/src/core/intake.ts',
        find: `    if (outcome === undefined) this.#enter(waiter)
    else waiter.lookedUp(outcome)`,
        replace: `    if (outcome === undefined || waiter.again) this.#enter(waiter)
    else waiter.lookedUp(outcome)`,
      },
    ],
    killedBy: tests(['GW10'], [SENDING_TESTS]),
  },
  {
    name: 'dead-under-its-origin',
    undoes: 'G4',
    what: 'A command that breaks a limit dies under its place in the log, so that its sender is never told.',
    edits: [
      {
        file: 'packages/server/src/worker/item.ts',
        find: `  if (broken !== undefined) item.death = { class: 'poison', code: broken.code, reason: broken.message }`,
        replace: `  if (broken !== undefined) return deadItem(record, 'poison', broken.message)`,
      },
    ],
    killedBy: tests(['WRK32'], [ISOLATION_TESTS]),
  },
  {
    name: 'refused-at-the-door',
    undoes: 'G8',
    what: 'The gateway refuses on its own look at a room, although a command on its way may change the answer.',
    edits: [
      {
        file: 'packages/server/src/gateway/attempt.ts',
        find: `  const problem = (broken && new Problem(broken.code, broken.message)) ?? refusal(context, live)`,
        replace: `  const isStranger = parts.content.kind === 'message' && !live.rooms.has(room)
  const problem =
    (broken && new Problem(broken.code, broken.message)) ??
    (isStranger ? new Problem('NOT_A_MEMBER') : undefined) ??
    refusal(context, live)`,
      },
    ],
    killedBy: tests(['GW15'], [SENDING_TESTS]),
  },
  {
    name: 'opened-across-a-lost-tail',
    undoes: 'G1',
    what: 'Who comes while the tail is away and back again is not told what was missed meanwhile.',
    edits: [
      {
        file: 'packages/server/src/gateway/handlers/authenticate.ts',
        find: `count !== establishment.count || !establishment.isUp;`,
        replace: `count < 0;`,
      },
    ],
    killedBy: tests(['GW26'], [ROOM_TESTS]),
  },
]

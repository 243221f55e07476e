import { type Mutant, simulator, tests } from '../mutant.ts'
import { ADAPTER_TESTS, CLIENT_ROOM_TESTS, ROOM_TESTS, SIMULATED_STORE_TESTS, START_TESTS } from '../places.ts'

const START = 'packages/server/src/worker/start.ts'

const STORE = 'packages/server/test/simulation/store'
/** The rules of what a session is shown (G5 to G7, G9 to G11). */
export const PUSHES: readonly Mutant[] = [
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
    killedBy: simulator(),
  },
  {
    name: 'restore-goes-unseen',
    undoes: 'G6',
    what: 'A feed that tells of what the store lacks raises no epoch.',
    edits: [
      {
        file: 'packages/server/src/worker/start.ts',
        find: `hasLost || feed.lacksDocument || feed.epoch > epoch`,
        replace: `hasLost`,
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
  {
    name: 'membership-read-first',
    undoes: 'G5',
    what: 'A reader of a room is asked about before its entries are read, and may be removed in between.',
    edits: [
      {
        file: `${STORE}/history.ts`,
        find: `      let at = await moment()
      const head = headOf(collections, room, at)
`,
        replace: `      let at = await moment()
      const member = user === undefined ? undefined : collections.rooms.get(room)?.members.get(user)?.at(at)
      at = await moment()
      const head = headOf(collections, room, at)
`,
      },
      {
        file: `${STORE}/history.ts`,
        find: `      at = await moment()
      const member = user === undefined ? undefined : collections.rooms.get(room)?.members.get(user)?.at(at)
      return {`,
        replace: `      return {`,
      },
    ],
    killedBy: tests(['SIM29'], [SIMULATED_STORE_TESTS]),
  },
  {
    name: 'no-member-but-resumes',
    undoes: 'G5',
    what: 'Who comes again with a position is not asked whether they are still a member.',
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `const mayRead = member?.role !== undefined ||`,
        replace: `const mayRead = member?.role !== undefined || opening.place !== undefined ||`,
      },
    ],
    killedBy: tests(['GW23'], [ROOM_TESTS]),
  },
  {
    name: 'epoch-below-the-feed',
    undoes: 'G6',
    what: 'The epoch after a restore is the next one of the store, although the feed has told of a higher one.',
    edits: [
      {
        file: START,
        find: `Math.max(epoch, published) + 1)`,
        replace: `epoch + 1)`,
      },
    ],
    killedBy: tests(['WRK43'], [START_TESTS]),
  },
  {
    name: 'epoch-untold',
    undoes: 'G6',
    what: 'The epoch after a restore is not published.',
    edits: [
      {
        file: START,
        find: `  const [place = comparison.feed.end] = await logs.feed.append(partition, [epochRecord(raised)])
`,
        replace: `  const place = epochRecord(raised).value.length > 0 ? comparison.feed.end : 0
`,
      },
    ],
    killedBy: tests(['WRK41'], [START_TESTS]),
  },
  {
    name: 'epoch-read-once',
    undoes: 'G7',
    what: 'A read is of the epoch it began with, although another began meanwhile.',
    edits: [
      {
        file: `${STORE}/history.ts`,
        find: `if (this.#epochs(await moment()).every((epoch, partition) => epoch === epochs[partition])) return result`,
        replace: `if (this.#epochs(await moment()).length > 0) return result`,
      },
    ],
    killedBy: tests(['SIM29'], [SIMULATED_STORE_TESTS]),
  },
  {
    name: 'lower-epoch-is-pushed',
    undoes: 'G7',
    what: 'What the feed tells of a history that was left behind is pushed.',
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `    if (this.#isBusy || !isBeyond(epoch, seq, this.#epoch, this.#pos)) return
    if (frame !== undefined && epoch === this.#epoch && seq`,
        replace: `    if (this.#isBusy || (epoch >= this.#epoch && !isBeyond(epoch, seq, this.#epoch, this.#pos))) return
    if (frame !== undefined && epoch <= this.#epoch && seq`,
      },
    ],
    killedBy: tests(['GW24'], [ROOM_TESTS]),
  },
  {
    name: 'lower-epoch-answers-nobody',
    undoes: 'G7',
    what: 'What the feed tells of a history that was left behind is dropped before somebody who waits for it is answered.',
    edits: [
      {
        file: 'packages/server/src/gateway/tail.ts',
        find: `if (intake.awaits(head.id))`,
        replace: `if (head.epoch >= context.hub.epochOf(record.partition) && intake.awaits(head.id))`,
      },
    ],
    killedBy: tests(['GW24'], [ROOM_TESTS]),
  },
  {
    name: 'hello-opens-nothing',
    undoes: 'G9',
    what: 'A connection begins in no room but those it resumes.',
    edits: [
      {
        file: 'packages/server/src/gateway/handlers/authenticate.ts',
        find: `new Set([...places.keys(), ...mine])`,
        replace: `new Set([...places.keys(), ...mine.slice(mine.length)])`,
      },
    ],
    killedBy: tests(['GW18'], [ROOM_TESTS]),
  },
  {
    name: 'key-before-the-subjects',
    undoes: 'G9',
    what: 'A record of a room that nobody here is in is passed over before its subjects are looked at.',
    edits: [
      {
        file: 'packages/server/src/gateway/tail.ts',
        find: `    for (const user of subjects) this.#tellSubject(user, record.key, at)
    const followers = hub.followersOf(record.key)
    if (followers === undefined) return
`,
        replace: `    const followers = hub.followersOf(record.key)
    if (followers === undefined) return
    for (const user of subjects) this.#tellSubject(user, record.key, at)
`,
      },
    ],
    killedBy: tests(['GW27'], [ROOM_TESTS]),
  },
  {
    name: 'out-for-good',
    undoes: 'G9',
    what: 'After a removal inside a fill nobody looks whether its reader was added again.',
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `    if (isOut && this.#topEpoch === this.#epoch && this.#topSeq > this.#pos) this`,
        replace: `    if (isOut && this.#topEpoch === this.#epoch && this.#topSeq < this.#pos) this`,
      },
    ],
    killedBy: tests(['GW23'], [ROOM_TESTS]),
  },
  {
    name: 'acknowledgement-moves-the-position',
    undoes: 'G10',
    what: 'The answer to a command counts as seen, and what lies between is never pushed.',
    edits: [
      {
        file: 'packages/server/src/gateway/attempt.ts',
        find: `        const { epoch, seq, at, duplicate } = end
`,
        replace: `        const { epoch, seq, at, duplicate } = end
        this.#live.rooms.get(this.#room)?.move(seq)
`,
      },
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `  /** A survey no longer`,
        replace: `  move(seq: number): void {
    this.#pos = Math.max(this.#pos, seq)
  }

  /** A survey no longer`,
      },
    ],
    killedBy: simulator(),
  },
  {
    name: 'position-over-a-hole',
    undoes: 'G10',
    what: 'An entry is pushed although one before it is missing.',
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `&& seq === this.#pos + 1) {`,
        replace: `&& seq > this.#pos) {`,
      },
    ],
    killedBy: tests(['GW21'], [ROOM_TESTS]),
  },
  {
    name: 'gap-untold',
    undoes: 'G10',
    what: 'Who comes from far behind goes on at the head, and is not told of what lies between.',
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `      if (isFar) this.#session.push(`,
        replace: `      if (isFar && seq < 0) this.#session.push(`,
      },
    ],
    killedBy: tests(['GW19'], [ROOM_TESTS]),
  },
  {
    name: 'first-read-is-believed',
    undoes: 'G11',
    what: 'A position above the head of one read is taken for one of a lost history.',
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `const isBelieved = tries + 1 >= settings.openTriesMax && clock.elapsed() - begun >= settings.openDoubtMs`,
        replace: `const isBelieved = tries + 1 >= 1 && clock.elapsed() >= begun && settings.openTriesMax > 0`,
      },
    ],
    killedBy: tests(['GW19'], [ROOM_TESTS]),
  },
  {
    name: 'shown-above-the-head',
    undoes: 'G11',
    what: 'Readers are shown entries that are stored and not projected yet, and that may still be without their room.',
    edits: [
      {
        file: 'packages/server/src/adapters/sqlite/history.ts',
        find: `Math.min(before ?? head + 1, head + 1)]`,
        replace: `before ?? Number.MAX_SAFE_INTEGER]`,
      },
    ],
    killedBy: tests(['STO8'], [ADAPTER_TESTS], 'above the head'),
  },
  {
    name: 'read-before-subscribing',
    undoes: 'G5',
    what: 'A room is read before the session hears of its entries, so that what comes between is missed.',
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `  context.hub.follow(following)
  await following.open({ place, need, asked })`,
        replace: `  await following.open({ place, need, asked })
  context.hub.follow(following)`,
      },
    ],
    killedBy: tests(['GW21'], [ROOM_TESTS], 'for its opening'),
  },
  {
    name: 'reader-goes-back',
    undoes: 'G5',
    what: 'The reads of one answer are each of another moment, in no order.',
    edits: [
      {
        file: `${STORE}/client.ts`,
        find: `floor = isOld ? Math.max(floor, this.#before()) : now`,
        replace: `floor = isOld ? this.#before() : now`,
      },
    ],
    killedBy: tests(['SIM29'], [SIMULATED_STORE_TESTS]),
  },
  {
    name: 'page-of-a-lower-epoch',
    undoes: 'G7',
    what: 'A page may be of a history that the feed has left behind.',
    edits: [
      {
        file: 'packages/server/src/gateway/handlers/page.ts',
        find: `if (!isOld && view.epoch >= hub.epochOf(partitionOf(room, partitions))) return view`,
        replace: `if (!isOld && view.epoch >= Math.min(0, hub.epochOf(partitionOf(room, partitions)))) return view`,
      },
    ],
    killedBy: tests(['GW25'], [ROOM_TESTS]),
  },
  {
    name: 'higher-epoch-is-no-news',
    undoes: 'G7',
    what: 'A higher epoch in the feed is not taken for a reason to read everything again.',
    edits: [
      {
        file: 'packages/server/src/gateway/tail.ts',
        find: `    if (known > 0 && head.epoch > known) catchUp.run()
`,
        replace: `    if (known > 0 && head.epoch < known) catchUp.run()
`,
      },
    ],
    killedBy: tests(['GW24'], [ROOM_TESTS]),
  },
  {
    name: 'addition-is-believed',
    undoes: 'G9',
    what: 'An addition in the feed opens the room for its subject without a look whether it still holds.',
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `const mayRead = member?.role !== undefined ||`,
        replace: `const mayRead = member?.role !== undefined || (opening.need.seq > 0 && opening.place === undefined) ||`,
      },
    ],
    killedBy: tests(['GW22'], [ROOM_TESTS]),
  },
  {
    name: 'gap-counts-as-read',
    undoes: 'G10',
    what: 'A gap moves the place of who reads, and what is in it is never paged.',
    edits: [
      {
        file: 'packages/client/src/timeline.ts',
        find: `if (this.#isPresent(epoch, to) && this.#move(to)) for (const reader of [...this.readers]) reader.moved()`,
        replace: `if (this.#isPresent(epoch, to) && this.#move(to)) for (const reader of [...this.readers]) reader.began({ epoch, seq: to })`,
      },
    ],
    killedBy: tests(['SDK21'], [CLIENT_ROOM_TESTS]),
  },
]

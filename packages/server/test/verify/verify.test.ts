import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { indexHead } from '../../src/core/indexed.ts'
import type { AuditStore } from '../../src/ports/store.ts'
import type { CheckName } from '../../src/verify/report.ts'
import type { Verified } from '../../src/verify/verify.ts'
import { memoryEngines, sqliteEngines, temporaryFolder } from '../support/adapters.ts'
import { Installation } from './installation.ts'

const ENGINES = {
  memory: (_context: TestContext) => memoryEngines(),
  SQLite: (context: TestContext) => sqliteEngines(temporaryFolder(context)),
}

for (const [name, open] of Object.entries(ENGINES)) {
  suite(`verify on ${name}`, () => {
    async function installation(context: TestContext): Promise<Installation> {
      const engines = open(context)
      context.after(() => engines.close())
      const made = new Installation(engines)
      await made.room('lobby', ['hello there', '…', 'good bye'])
      return made
    }

    /** What was found, as `check verdict` with its count. */
    async function findings(made: Installation, changed: Partial<Verified> = {}): Promise<Record<string, number>> {
      const { checks } = await made.verify(changed)
      const found: Record<string, number> = {}
      for (const [check, { wrong, waiting }] of Object.entries(checks)) {
        if (wrong > 0) found[`${check} wrong`] = wrong
        if (waiting > 0) found[`${check} waiting`] = waiting
      }
      return found
    }

    test('[VER1] a sound installation is clean, and everything in it was looked at', async (context) => {
      const made = await installation(context)
      await made.room('office', ['one', 'two'])
      const removed = made.command('office', 'alice', { kind: 'member_removed', user: 'bob' })
      await made.wholeWay([removed])

      const report = await made.verify()

      assert.deepEqual(report.findings, [])
      assert.equal(report.verdict, 'clean')
      assert.deepEqual(report.totals, { rooms: 2, entries: 8, messages: 5, claims: 0, letters: 0 })
      assert.equal(report.checks.lost.examined, 8)
      assert.equal(report.checks.altered.examined, 8)
      assert.equal(report.checks.unindexed.examined, 5)
    })

    test('[VER2] a command below the commit that is neither stored nor claimed is lost', async (context) => {
      const made = await installation(context)
      const [offset] = await made.accept([made.command('lobby', 'bob', { kind: 'message', text: 'gone' })])
      await made.engines.store.timeline.write({
        documents: [],
        letters: [],
        projections: [],
        settled: { partition: 0, next: Number(offset) + 1, feed: 0 },
      })
      await made.commit('worker')

      const report = await made.verify()

      assert.deepEqual(
        report.findings.map(({ check, verdict, offset }) => ({ check, verdict, offset })),
        [{ check: 'lost', verdict: 'wrong', offset }],
      )
    })

    test('[VER2] a record that nobody can read is lost unless it is claimed under its place', async (context) => {
      const made = await installation(context)
      const [offset = 0] = await made.engines.logs.commands.append(0, [
        { key: 'lobby', headers: {}, value: new Uint8Array([1]) },
      ])
      const dead = { ...made.command('!dead/0', 'nobody', { kind: 'message', text: 'x' }), id: `commands/0/${offset}` }
      const write = (documents: Parameters<typeof made.engines.store.timeline.write>[0]['documents']) =>
        made.engines.store.timeline.write({
          documents,
          letters: documents.length === 0 ? [] : [{ ...made.letter(dead, offset), room: undefined, sender: undefined }],
          projections: [],
          settled: { partition: 0, next: offset + 1, feed: 0 },
        })
      await write([])
      await made.commit('worker')
      assert.deepEqual(await findings(made), { 'lost wrong': 1 })

      await write([made.claim(dead, 'dead')])

      assert.deepEqual(await findings(made), { 'dead waiting': 1 })
    })

    test('[VER3] an entry that says something else than its command was altered', async (context) => {
      const made = await installation(context)
      const [command] = [made.command('lobby', 'bob', { kind: 'message', text: 'as it was sent' })]
      const offsets = await made.accept([command])
      const entries = made.entries([{ ...command, content: { kind: 'message', text: 'as it was not' } }], offsets)
      await made.store(entries, Number(offsets[0]) + 1)
      await made.tell(entries)
      await made.index(entries)
      await made.commit('worker')
      await made.commit('indexer')

      assert.deepEqual(await findings(made), { 'altered wrong': 1 })
    })

    test('[VER4] the same id twice, and the same place twice, are doubled', async (context) => {
      const made = await installation(context)
      const { audit, timeline } = made.engines.store
      // No engine lets a second one in: what is read is doubled here instead.
      const repeated: AuditStore = {
        documents: async (after, max) =>
          (await audit.documents(after, max)).flatMap((document) =>
            document.seq === 2 && max > 1 ? [document, document] : [document],
          ),
      }
      assert.deepEqual(await findings(made, { audit: repeated }), { 'doubled wrong': 1 })

      const find: typeof timeline.find = async (keys) => {
        const found = new Map(await timeline.find(keys))
        for (const [id, document] of found) if (document.seq === 3) found.set(id, { ...document, seq: 4 })
        return found
      }
      const load: typeof timeline.load = (...args) => timeline.load(...args)
      const rest = { settled: timeline.settled.bind(timeline), epoch: timeline.epoch.bind(timeline), load }
      const { 'doubled wrong': doubled } = await findings(made, { timeline: { ...rest, find } })
      assert.equal(doubled, 1)
    })

    test('[VER5] a missing seq is a gap, counted by what is missing', async (context) => {
      const made = await installation(context)
      const { audit } = made.engines.store
      const holed: AuditStore = {
        documents: async (after, max) =>
          (await audit.documents(after, max)).filter(({ seq }) => seq !== 2 && seq !== 3),
      }
      const found = await findings(made, { audit: holed })
      assert.equal(found['gapped wrong'], 2)
    })

    test('[VER6] a head that is not the last entry is wrong, and so is one without any entry', async (context) => {
      const made = await installation(context)
      const { timeline } = made.engines.store
      const write = (room: string, head: number) =>
        timeline.write({
          documents: [],
          letters: [],
          projections: [{ room, document: undefined, members: [], head }],
          settled: undefined,
        })
      await write('empty', 3)
      assert.deepEqual(await findings(made), { 'heads wrong': 1 })

      const offsets = await made.accept([made.command('lobby', 'bob', { kind: 'message', text: 'unprojected' })])
      const entries = made.entries([made.command('lobby', 'bob', { kind: 'message', text: 'unprojected' })], offsets)
      await timeline.write({ documents: entries, letters: [], projections: [], settled: undefined })
      assert.equal((await findings(made))['heads wrong'], 2)
    })

    test('[VER7] members and counts that history does not bear out are wrong', async (context) => {
      const made = await installation(context)
      const { timeline, history } = made.engines.store
      const { rooms } = await timeline.load([{ room: 'lobby', users: [] }], [])
      const document = rooms.get('lobby')?.document
      assert.ok(document !== undefined)
      const added = made.command('lobby', 'alice', { kind: 'member_added', user: 'carol' })
      const offsets = await made.accept([added])
      const entries = made.entries([added], offsets)
      // Dave in place of Carol, and a count that nobody can have reached.
      const projections = [
        {
          room: 'lobby',
          document: { ...document, seq: 5, memberCount: 7 },
          members: [{ user: 'dave', role: 'member', seq: 5 } as const],
          head: 5,
        },
      ]
      await timeline.write({
        documents: entries,
        letters: [],
        projections,
        settled: { partition: 0, next: Number(offsets[0]) + 1, feed: 0 },
      })
      await made.tell(entries)
      await made.index(entries)
      await made.commit('worker')
      await made.commit('indexer')

      const report = await made.verify()

      assert.equal((await history.members('lobby', undefined, 10)).length, 3)
      assert.deepEqual(report.findings.map(({ text }) => text).sort(), [
        'carol was in the room, and nothing is kept of it',
        'dave is member since 5, and by history never was in the room',
        'memberCount is 7, and by history 3',
      ])
    })

    test('[VER8] a dead claim without a letter and a letter without a claim are wrong; an open letter waits', async (context) => {
      const made = await installation(context)
      const { timeline } = made.engines.store
      const commands = ['one', 'two', 'three'].map((text) => made.command('lobby', 'bob', { kind: 'message', text }))
      const [bare, unclaimed, whole] = commands
      assert.ok(bare && unclaimed && whole)
      const documents = [made.claim(bare, 'dead'), made.claim(whole, 'dead')]
      await timeline.write({
        documents,
        letters: [made.letter(unclaimed, 8), made.letter(whole, 9)],
        projections: [],
        settled: undefined,
      })

      assert.deepEqual(await findings(made), { 'dead wrong': 2, 'dead waiting': 2 })
      await made.engines.store.letters.mark(whole.id, 'discarded', 1, 'me')
      assert.deepEqual(await findings(made), { 'dead wrong': 2, 'dead waiting': 1 })
    })

    test('[VER9] a feed that told what the store lacks, or a higher epoch, and a store behind the log are wrong', async (context) => {
      const made = await installation(context)
      const { commands, feed } = made.engines.logs
      const lost = made.command('lobby', 'bob', { kind: 'message', text: 'told and restored away' })
      await made.tell(made.entries([lost], [99]))
      assert.deepEqual(await findings(made), { 'epochs wrong': 1, 'uncommitted waiting': 1 })

      await feed.append(0, [{ key: '!epoch', headers: { end: 'epoch', epoch: '2' }, value: new Uint8Array(0) }])
      await made.commit('indexer')
      assert.deepEqual(await findings(made), { 'epochs wrong': 2 })

      await commands.append(0, [])
      await made.accept([lost])
      await made.commit('worker')
      assert.deepEqual(await findings(made), { 'epochs wrong': 3, 'lost wrong': 1 })
    })

    test('[VER14] a store that a late worker set back, with nothing lost, is not wrong', async (context) => {
      const made = await installation(context)
      const said = made.command('lobby', 'bob', { kind: 'message', text: 'stored once' })
      const offsets = await made.accept([said])
      const entries = made.entries([said], offsets)
      await made.store(entries, Number(offsets[0]) + 1)
      await made.tell(entries)
      await made.commit('worker')
      await made.commit('indexer')
      const before = await findings(made)
      const settled = { partition: 0, next: Number(offsets[0]), feed: 0 }
      await made.engines.store.timeline.write({ documents: [], letters: [], projections: [], settled })
      assert.deepEqual(await findings(made), before)
    })

    test('[VER10] a message that the index claims and lacks is wrong, and one that it has beyond history too', async (context) => {
      const made = await installation(context)
      const { search } = made.engines
      const said = made.command('lobby', 'bob', { kind: 'message', text: 'findable' })
      const offsets = await made.accept([said])
      const entries = made.entries([said], offsets)
      await made.store(entries, Number(offsets[0]) + 1)
      await made.tell(entries)
      await made.commit('worker')
      // Behind, while the indexer still has it before it: that is only late.
      assert.deepEqual(await findings(made), { 'uncommitted waiting': 1, 'unindexed waiting': 1 })

      await made.commit('indexer')
      assert.deepEqual(await findings(made), { 'unindexed wrong': 1 })

      await search.write({ documents: [], heads: new Map([['lobby', indexHead(1, 5)]]), through: undefined })
      assert.deepEqual(await findings(made), { 'unindexed wrong': 1 })

      await made.index(entries)
      assert.deepEqual(await findings(made), {})

      // Seq 1 is the room's creation, which is no message.
      await search.write({
        documents: [{ room: 'lobby', seq: 1, id: 'x', sender: 'bob', at: 1, version: 1, tokens: 'x', exact: '' }],
        heads: new Map(),
        through: undefined,
      })
      assert.deepEqual(await findings(made), { 'unindexed wrong': 1 })
    })

    test('[VER11] what is accepted and not worked on yet waits, and is nothing wrong', async (context) => {
      const made = await installation(context)
      await made.accept([made.command('lobby', 'bob', { kind: 'message', text: 'soon' })])

      const report = await made.verify()

      assert.deepEqual(
        report.findings.map(({ check, verdict, count }) => ({ check, verdict, count })),
        [{ check: 'uncommitted', verdict: 'waiting', count: 1 }],
      )
      assert.equal(report.verdict, 'waiting')
    })

    test('[VER12] beside a worker that is writing, nothing seems wrong that is not', async (context) => {
      const made = await installation(context)
      const { audit } = made.engines.store
      // A message, a newcomer and a leave go their whole way after each piece that is read.
      let meanwhile = 0
      const busy: AuditStore = {
        documents: async (after, max) => {
          const documents = await audit.documents(after, max)
          const user = `newcomer ${meanwhile++}`
          await made.wholeWay([
            made.command('lobby', 'bob', { kind: 'message', text: `hello ${user}` }),
            made.command('lobby', 'alice', { kind: 'member_added', user }),
            made.command('lobby', 'alice', {
              kind: meanwhile % 2 === 0 ? 'member_added' : 'member_removed',
              user: 'bob',
            }),
          ])
          return documents
        },
      }
      assert.deepEqual(await findings(made, { audit: busy }), {})
    })

    test('[VER13] many wrong things are counted, and a bounded number is named', async (context) => {
      const made = await installation(context)
      const lost = Array.from({ length: 50 }, (_, i) =>
        made.command('lobby', 'bob', { kind: 'message', text: `gone ${i}` }),
      )
      const offsets = await made.accept(lost)
      await made.engines.store.timeline.write({
        documents: [],
        letters: [],
        projections: [],
        settled: { partition: 0, next: Number(offsets.at(-1)) + 1, feed: 0 },
      })
      await made.commit('worker')

      const report = await made.verify()

      const check: CheckName = 'lost'
      assert.equal(report.checks[check].wrong, 50)
      assert.equal(report.findings.length, 20)
    })
  })
}

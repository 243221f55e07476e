import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { partitionOf } from '../../src/core/identity.ts'
import { failureClass } from '../../src/ports/failure.ts'
import type { Content, Document, EntryDocument, MemberDocument, Store } from '../../src/ports/store.ts'
import { AT, claim, entries, entry, letter, projection, room, view, write } from './documents.ts'
import { ODD_IDS, type OpenSubject, type Subject } from './subject.ts'

/** What every store has to keep, whatever engine it stands on. */
export function storeConformance(name: string, partitions: number, open: OpenSubject): void {
  describe(`the store of ${name}, ${partitions} partitions`, () => {
    let subject: Subject
    let store: Store

    beforeEach(async () => {
      subject = await open(partitions)
      store = subject.store
    })
    afterEach(() => subject.close())

    const put = (...documents: Document[]) => write(store.timeline, documents)
    const find = async (...documents: Document[]): Promise<readonly unknown[]> =>
      [...(await store.timeline.find(documents)).values()].map(plain)
    const everything = async (): Promise<readonly unknown[]> =>
      (await store.audit.documents(undefined, 1_000)).map(plain)

    /** The order in which ids are listed, which must be total and the same everywhere. */
    const idOrder = () => (subject.capabilities.idOrder === 'utf-16' ? unitOrder : byteOrder)

    async function snapshotOf(id: string, ...users: string[]) {
      const { rooms } = await store.timeline.load([{ room: id, users }], [])
      const snapshot = rooms.get(id)
      assert.ok(snapshot !== undefined)
      return snapshot
    }

    /** A room with so many messages, projected through the last of them. */
    async function roomWith(id: string, seqs: number, members: readonly MemberDocument[] = []) {
      const projections = [projection(id, seqs, { document: room(id, 1), members })]
      assert.deepEqual(await write(store.timeline, entries(id, 1, seqs), { projections }), { result: 'all' })
    }

    // ---- documents -------------------------------------------------------------------------------------------------

    test('[STO1] what was written is found by its id, whole; what was not is not', async () => {
      const contents: Content[] = [
        { kind: 'message', text: 'tab\t line\n nul\u0000 “quotes” \' " \\ 😀 e\u0301 ' },
        { kind: 'room_created', roomKind: 'group', name: 'Köln', members: ['bob', 'bob '] },
        { kind: 'room_created', roomKind: 'direct', members: ['bob'] },
        { kind: 'member_added', user: 'bob' },
        { kind: 'member_removed', user: 'bob' },
      ]
      const said = contents.map((content, i) => entry('r', i + 1, { content, origin: 2 ** 40 + i }))
      const claims = [
        claim('r', 'c1'),
        claim('r', 'c2', { end: 'dead', code: 'UNPROCESSABLE', class: 'poison' }),
        claim('!dead/0', 'commands/0/5', { end: 'dead', class: 'unknown', sender: '' }),
      ]
      assert.deepEqual(await put(...said, ...claims), { result: 'all' })
      assert.deepEqual(await find(...said, ...claims), plain([...said, ...claims]))
      assert.deepEqual(await find(entry('r', 99), entry('nowhere', 1)), [])
      assert.deepEqual([...(await store.timeline.find([]))], [])
    })

    test('[STO1] an id is known in its own room only', async () => {
      await put(entry('r', 1, { id: 'x' }))
      assert.deepEqual([...(await store.timeline.find([{ room: 'other', id: 'x' }]))], [])
    })

    test('[STO3] the same id twice keeps one document, whatever its room or place', async () => {
      await put(entry('r', 1, { id: 'x' }))
      assert.deepEqual(await put(entry('r', 2, { id: 'x' })), { result: 'duplicate', at: 0 })
      assert.deepEqual(await put(claim('r', 'x')), { result: 'duplicate', at: 0 })
      assert.deepEqual(await everything(), plain([entry('r', 1, { id: 'x' })]))
    })

    test('[STO3] the same place twice keeps one document', async () => {
      await put(entry('r', 1, { id: 'x' }))
      assert.deepEqual(await put(entry('r', 1, { id: 'y' })), { result: 'duplicate', at: 0 })
      assert.deepEqual(await put(entry('other', 1, { id: 'z' })), { result: 'all' })
      assert.deepEqual(await find(entry('r', 1, { id: 'y' })), [])
    })

    test('[STO3] a duplicate inside one write stops it at its place', async () => {
      assert.deepEqual(await put(entry('r', 1), entry('r', 2), entry('r', 1)), { result: 'duplicate', at: 2 })
      assert.deepEqual(await everything(), plain(entries('r', 1, 2)))
    })

    test('[STO3] a claim and an entry of one command exclude each other', async () => {
      await put(claim('r', 'x'))
      assert.deepEqual(await put(entry('r', 1, { id: 'x' })), { result: 'duplicate', at: 0 })
      assert.deepEqual(await find(claim('r', 'x')), plain([claim('r', 'x')]))
    })

    test('[STO3] documents are a prefix: those before the one that stands in the way are in, none behind it', async () => {
      await put(entry('r', 3, { id: 'taken' }))
      const claimed = claim('r', 'c')
      const result = await put(entry('r', 1), claimed, entry('r', 2), entry('r', 3), entry('r', 4))
      assert.deepEqual(result, { result: 'duplicate', at: 3 })
      assert.deepEqual(
        await everything(),
        plain([claimed, entry('r', 1), entry('r', 2), entry('r', 3, { id: 'taken' })]),
      )
    })

    test('[STO3] a write with a certain failure leaves nothing; one that is unknown leaves all, nothing or a prefix', async () => {
      const documents = entries('r', 1, 4)
      subject.failWrite('before')
      await assert.rejects(put(...documents), (error) => failureClass(error) === 'transient')
      assert.deepEqual(await everything(), [])
      for (const fault of ['midway', 'after'] as const) {
        const room = `room-${fault}`
        subject.failWrite(fault)
        const written = await put(...entries(room, 1, 4))
        assert.equal(written.result, 'unknown')
        const found = await find(...entries(room, 1, 4))
        assert.deepEqual(found, plain(entries(room, 1, found.length)))
        const again = await put(...entries(room, found.length + 1, 4))
        assert.equal(again.result, 'all')
      }
    })

    test('[STO3] odd ids are all different, and come back as they are', async () => {
      const said = ODD_IDS.map((id, i) =>
        entry('r', i + 1, { id, sender: id, digest: id, content: { kind: 'message', text: id } }),
      )
      const elsewhere = ODD_IDS.map((id) => entry(id, 1, { id: `in ${id}` }))
      assert.deepEqual(await put(...said, ...elsewhere), { result: 'all' })
      assert.deepEqual(await find(...said, ...elsewhere), plain([...said, ...elsewhere]))
    })

    test('[STO3] a batch of five hundred over fifty rooms is in, in order', async () => {
      const documents = Array.from({ length: 500 }, (_, i) => entry(`r${i % 50}`, 1 + Math.floor(i / 50)))
      assert.deepEqual(await put(...documents), { result: 'all' })
      assert.deepEqual(await find(...documents), plain(documents))
    })

    // ---- what follows the documents ----------------------------------------------------------------------------------

    test('[STO4] letters, projections and the settled offset follow only when every document is in', async () => {
      await put(entry('r', 2, { id: 'taken' }))
      const following = {
        letters: [letter('l')],
        projections: [projection('r', 2, { document: room('r', 1) })],
        settled: { partition: 0, next: 9, feed: 5 },
      }
      assert.equal((await write(store.timeline, entries('r', 1, 2), following)).result, 'duplicate')
      assert.equal(await store.letters.get('l'), undefined)
      assert.equal((await snapshotOf('r')).head, 0)
      assert.equal(await store.timeline.settled(0), undefined)
      assert.equal((await write(store.timeline, [entry('r', 3)], following)).result, 'all')
      assert.deepEqual(plain(await store.letters.get('l')), plain(letter('l')))
      assert.equal((await snapshotOf('r')).head, 2)
      assert.deepEqual(await store.timeline.settled(0), following.settled)
    })

    test('[STO4] a write without documents settles, each partition for itself', async () => {
      const last = partitions - 1
      for (const next of [9, 12, 12])
        await write(store.timeline, [], { settled: { partition: last, next, feed: next + 1 } })
      assert.deepEqual(await store.timeline.settled(last), { partition: last, next: 12, feed: 13 })
      if (partitions > 1) assert.equal(await store.timeline.settled(0), undefined)
    })

    test('[STO4] projections are guarded by seq: old ones that come late change nothing, repeated ones neither', async () => {
      const newer = projection('r', 7, {
        document: room('r', 5),
        members: [
          { user: 'bob', role: undefined, seq: 6 },
          { user: 'carol', role: 'member', seq: 4 },
        ],
      })
      const older = projection('r', 3, {
        document: room('r', 2),
        members: [
          { user: 'bob', role: 'member', seq: 3 },
          { user: 'dave', role: 'owner', seq: 1 },
        ],
      })
      await write(store.timeline, entries('r', 1, 7), { projections: [newer] })
      for (const late of [older, newer, older]) await write(store.timeline, [], { projections: [late] })
      const snapshot = await snapshotOf('r', 'bob', 'carol', 'dave')
      assert.equal(snapshot.head, 7)
      assert.deepEqual(plain(snapshot.document), plain(room('r', 5)))
      assert.deepEqual(plain([...snapshot.members.values()]), plain([...newer.members, older.members[1]]))
    })

    test('[STO4] a letter that is there already stays as it is', async () => {
      await write(store.timeline, [], { letters: [letter('l', { reason: 'first' })] })
      await store.letters.mark('l', 'discarded', AT, 'root')
      await write(store.timeline, [], { letters: [letter('l', { reason: 'second' }), letter('m')] })
      const kept = await store.letters.get('l')
      assert.deepEqual([kept?.reason, kept?.state], ['first', 'discarded'])
      assert.ok(await store.letters.get('m'))
    })

    // ---- loading -----------------------------------------------------------------------------------------------------

    test('[STO2] a room is loaded as of its head, with every entry above it, ascending, and no claim', async () => {
      await roomWith('r', 2, [{ user: 'alice', role: 'owner', seq: 1 }])
      await put(entry('r', 3), claim('r', 'c'), entry('r', 4))
      const snapshot = await snapshotOf('r', 'alice', 'bob')
      assert.equal(snapshot.head, 2)
      assert.deepEqual(plain(snapshot.document), plain(room('r', 1)))
      assert.deepEqual([...snapshot.members.keys()], ['alice'])
      assert.deepEqual(plain(snapshot.above), plain(entries('r', 3, 4)))
    })

    test('[STO2] an unknown room is empty at head 0; entries without any projection stand above it', async () => {
      assert.deepEqual(plain(await snapshotOf('new', 'alice')), plain({ head: 0, members: new Map(), above: [] }))
      await put(entry('new', 1))
      assert.deepEqual(plain((await snapshotOf('new')).above), plain([entry('new', 1)]))
    })

    test('[STO2] many rooms and users are loaded at once; removed members are told apart from strangers', async () => {
      for (const user of ['alice', 'bob']) await store.users.put(user, undefined, AT)
      await roomWith('one', 3, [{ user: 'bob', role: undefined, seq: 2 }])
      await roomWith('two', 1)
      const needs = [
        { room: 'one', users: ['bob', 'eve'] },
        { room: 'two', users: [] },
        { room: 'three', users: ['bob'] },
      ]
      const { rooms, users } = await store.timeline.load(needs, ['alice', 'eve', 'bob'])
      assert.deepEqual([...rooms.keys()], ['one', 'two', 'three'])
      assert.deepEqual(
        [...rooms.values()].map(({ head }) => head),
        [3, 1, 0],
      )
      assert.deepEqual(
        plain(rooms.get('one')?.members),
        plain(new Map([['bob', { user: 'bob', role: undefined, seq: 2 }]])),
      )
      assert.deepEqual([...users].sort(), ['alice', 'bob'])
    })

    // ---- terms and epochs --------------------------------------------------------------------------------------------

    test('[STO5] each term of a partition has one winner, and terms rise', async () => {
      const last = partitions - 1
      assert.equal(await store.timeline.term(last), 0)
      const leases = await Promise.all(Array.from({ length: 20 }, (_, i) => store.timeline.lease(last, `w${i}`)))
      const terms = leases.map(({ term }) => term)
      assert.equal(new Set(terms).size, 20)
      assert.equal(await store.timeline.term(last), Math.max(...terms))
      const { term } = await store.timeline.lease(last, 'w')
      assert.ok(term > Math.max(...terms))
      if (partitions > 1) assert.equal(await store.timeline.term(0), 0)
    })

    test('[STO6] an epoch begins at 1, is raised, and never lowered; each partition has its own', async () => {
      const last = partitions - 1
      assert.equal(await store.timeline.epoch(last), 1)
      assert.equal(await store.timeline.raiseEpoch(last, 5), 5)
      assert.equal(await store.timeline.raiseEpoch(last, 3), 5)
      assert.equal(await store.timeline.epoch(last), 5)
      if (partitions > 1) assert.equal(await store.timeline.epoch(0), 1)
    })

    // ---- history -----------------------------------------------------------------------------------------------------

    test('[STO8] a view is a page, ascending, of the newest, of those after, or of those before', async () => {
      await roomWith('r', 10)
      const seqs = async (changes: Parameters<typeof view>[1]) =>
        (await store.history.view(view('r', changes))).entries.map(({ seq }) => seq)
      assert.deepEqual(await seqs({ entriesMax: 3 }), [8, 9, 10])
      assert.deepEqual(await seqs({ before: 8, entriesMax: 3 }), [5, 6, 7])
      assert.deepEqual(await seqs({ after: 2, entriesMax: 3 }), [3, 4, 5])
      assert.deepEqual(await seqs({ after: 2, before: 5, entriesMax: 9 }), [3, 4])
      assert.deepEqual(await seqs({ after: 0, entriesMax: 2 }), [1, 2])
      assert.deepEqual(await seqs({ before: 3 }), [1, 2])
      assert.deepEqual(await seqs({ after: 10 }), [])
      assert.deepEqual(await seqs({ before: 1 }), [])
      assert.deepEqual(await seqs({ after: 7, before: 3 }), [])
      assert.deepEqual(await seqs({ before: 1_000, entriesMax: 1 }), [10])
      assert.deepEqual(await seqs({ entriesMax: 0 }), [])
    })

    test('[STO7, STO8] a view never shows anything above the head, and no claims', async () => {
      await roomWith('r', 2)
      await put(claim('r', 'c'), entry('r', 3))
      const { head, entries: shown, epoch, document } = await store.history.view(view('r'))
      assert.deepEqual([head, epoch], [2, 1])
      assert.deepEqual(plain(shown), plain(entries('r', 1, 2)))
      assert.deepEqual(plain(document), plain(room('r', 1)))
      const after = await store.history.view(view('r', { after: 1 }))
      assert.deepEqual(plain(after.entries), plain([entry('r', 2)]))
    })

    test('[STO8] a view tells what its reader is: member, removed, or nobody', async () => {
      const members: MemberDocument[] = [
        { user: 'alice', role: 'owner', seq: 1 },
        { user: 'bob', role: undefined, seq: 2 },
      ]
      await roomWith('r', 2, members)
      const member = async (user: string | undefined) =>
        (await store.history.view(view('r', { user, entriesMax: 0 }))).member
      assert.deepEqual(plain(await member('alice')), plain(members[0]))
      assert.deepEqual(plain(await member('bob')), plain(members[1]))
      assert.equal(await member('eve'), undefined)
      assert.equal(await member(undefined), undefined)
    })

    test('[STO8] a room that does not exist has head 0 and nothing else', async () => {
      const nothing = { epoch: 1, head: 0, document: undefined, entries: [], member: undefined }
      assert.deepEqual(plain(await store.history.view(view('nowhere', { user: 'alice' }))), plain(nothing))
    })

    test('[STO7] a room answers under the epoch of its own partition', async () => {
      const partition = partitionOf('r', partitions)
      await roomWith('r', 1, [{ user: 'alice', role: 'owner', seq: 1 }])
      await store.timeline.raiseEpoch(partition, 4)
      assert.equal((await store.history.view(view('r'))).epoch, 4)
      const { epochs, rooms } = await store.history.survey(['alice'], [])
      assert.equal(rooms.get('alice')?.[0]?.epoch, 4)
      assert.deepEqual(
        epochs,
        Array.from({ length: partitions }, (_, i) => (i === partition ? 4 : 1)),
      )
    })

    test('[STO9] a survey names the rooms of each user with role and head, and the outcomes of commands', async () => {
      await roomWith('one', 4, [
        { user: 'alice', role: 'owner', seq: 1 },
        { user: 'bob', role: 'member', seq: 3 },
      ])
      await roomWith('two', 2, [
        { user: 'alice', role: undefined, seq: 2 },
        { user: 'bob', role: 'owner', seq: 1 },
      ])
      const refused = claim('one', 'c')
      const hidden = entry('one', 5)
      await put(refused, hidden)
      const { rooms, outcomes } = await store.history.survey(
        ['alice', 'bob', 'eve'],
        [entry('one', 2), refused, hidden, entry('two', 9)],
      )
      const told = [...rooms].map(([user, list]) => [
        user,
        ...list.map(({ document, role, since, head }) => [document.room, role, since, head]).sort(),
      ])
      assert.deepEqual(told, [
        ['alice', ['one', 'owner', 1, 4]],
        ['bob', ['one', 'member', 3, 4], ['two', 'owner', 1, 2]],
        ['eve'],
      ])
      assert.deepEqual(plain([...outcomes.values()]), plain([entry('one', 2), refused]))
    })

    test('[STO7] members are listed in the order of their bytes, page by page, without those removed', async () => {
      const members = ODD_IDS.map(
        (user, i): MemberDocument => ({ user, role: i % 5 === 4 ? undefined : 'member', seq: 1 }),
      )
      await roomWith('r', 1, members)
      const listed = await pages(
        (after, max) => store.history.members('r', after, max),
        ({ user }) => user,
        4,
      )
      const expected = members.filter(({ role }) => role !== undefined).map(({ user }) => user)
      assert.deepEqual(
        listed.map(({ user }) => user),
        expected.sort(idOrder()),
      )
    })

    test('[STO7] rooms are listed in the order of their bytes, page by page, with their heads', async () => {
      for (const [i, id] of ODD_IDS.entries()) await roomWith(id, 1 + (i % 3))
      const listed = await pages(
        (after, max) => store.history.rooms(after, max),
        ({ room }) => room,
        4,
      )
      assert.deepEqual(
        listed,
        ODD_IDS.map((room, i) => ({ room, head: 1 + (i % 3) })).sort((a, b) => idOrder()(a.room, b.room)),
      )
    })

    test('[STO7] single entries are found by place, none above the head, and no claim', async () => {
      await roomWith('r', 3)
      await roomWith('s', 1)
      const claimed = claim('r', 'c')
      await put(entry('r', 4), claimed)
      const places = [entry('s', 1), entry('r', 3), entry('r', 1), entry('r', 4), claimed, entry('nowhere', 1)]
      const found = await store.history.entriesAt(places)
      assert.deepEqual(sorted(found), sorted([entry('s', 1), entry('r', 3), entry('r', 1)]))
    })

    // ---- letters and users -------------------------------------------------------------------------------------------

    test('[STO10] letters come newest first, by time and then by id, page by page, and by state', async () => {
      const letters = Array.from({ length: 11 }, (_, i) =>
        letter(`l${String(i).padStart(2, '0')}`, { firstFailedAt: AT + Math.floor(i / 4) }),
      )
      await write(store.timeline, [], { letters: [...letters].reverse() })
      const ids = letters.map(({ id }) => id).reverse()
      const listed: string[] = []
      let cursor: string | undefined
      do {
        const page = await store.letters.list(undefined, cursor, 4)
        listed.push(...page.items.map(({ id }) => id))
        assert.ok(page.items.length <= 4)
        cursor = page.next
      } while (cursor !== undefined)
      assert.deepEqual(listed, ids)
      await store.letters.mark('l03', 'replayed', AT + 99, 'root')
      const of = async (state: 'open' | 'replayed' | 'discarded') =>
        (await store.letters.list(state, undefined, 100)).items.map(({ id }) => id)
      assert.deepEqual(await of('replayed'), ['l03'])
      assert.deepEqual(
        await of('open'),
        ids.filter((id) => id !== 'l03'),
      )
      assert.deepEqual(await of('discarded'), [])
    })

    test('[STO10] marking a letter says whether it exists, may be repeated, and changes nothing else', async () => {
      await write(store.timeline, [], { letters: [letter('l', { room: undefined, sender: undefined })] })
      assert.equal(await store.letters.mark('l', 'replayed', AT + 1, 'root'), true)
      assert.equal(await store.letters.mark('l', 'replayed', AT + 1, 'root'), true)
      assert.equal(await store.letters.mark('none', 'replayed', AT, 'root'), false)
      const marked = letter('l', {
        room: undefined,
        sender: undefined,
        state: 'replayed',
        stateAt: AT + 1,
        stateBy: 'root',
      })
      assert.deepEqual(plain(await store.letters.get('l')), plain(marked))
      assert.equal(await store.letters.get('none'), undefined)
    })

    test('[STO11] a user is created once; a name is set where one is given, and the time of creation stays', async () => {
      assert.deepEqual(plain(await store.users.put('alice', undefined, AT)), plain({ user: 'alice', createdAt: AT }))
      const named = { user: 'alice', name: 'Alice 😀', createdAt: AT }
      assert.deepEqual(plain(await store.users.put('alice', 'Alice 😀', AT + 5)), plain(named))
      assert.deepEqual(plain(await store.users.put('alice', undefined, AT + 9)), plain(named))
      assert.deepEqual(plain(await store.users.get('alice')), plain(named))
      assert.equal(await store.users.get('Alice'), undefined)
    })

    // ---- all of it ---------------------------------------------------------------------------------------------------

    test('[STO12] the audit shows every document, by room and seq, claims first, page by page', async () => {
      const documents = ODD_IDS.flatMap((id) => [
        ...entries(id, 1, 3),
        claim(id, `${id} c1`),
        claim(id, `${id} c2`, { end: 'dead', class: 'expired' }),
      ])
      await put(...documents)
      const listed: Document[] = []
      for (;;) {
        const page = await store.audit.documents(listed.at(-1), 7)
        if (page.length === 0) break
        listed.push(...page)
      }
      const expected = [...documents].sort((a, b) => idOrder()(a.room, b.room) || a.seq - b.seq)
      assert.deepEqual(plain(listed), plain(expected))
    })

    test('[STO3, STO6] closing and opening again finds everything, as far as the engine says so', async () => {
      await roomWith('r', 2, [{ user: 'alice', role: 'owner', seq: 1 }])
      await write(store.timeline, [claim('r', 'c')], {
        letters: [letter('l')],
        settled: { partition: 0, next: 3, feed: 4 },
      })
      await store.users.put('alice', 'A', AT)
      await store.timeline.raiseEpoch(0, 3)
      const { term } = await store.timeline.lease(0, 'w')
      await subject.reopen()
      store = subject.store
      const { survivesReopen } = subject.capabilities
      const found = {
        documents: (await everything()).length,
        letter: (await store.letters.get('l'))?.id,
        settled: (await store.timeline.settled(0))?.next,
        user: (await store.users.get('alice'))?.name,
        epoch: await store.timeline.epoch(0),
        term: await store.timeline.term(0),
        head: (await store.history.view(view('r'))).head,
      }
      const kept = { documents: 3, letter: 'l', settled: 3, user: 'A', epoch: 3, term, head: 2 }
      const fresh = { documents: 0, letter: undefined, settled: undefined, user: undefined, epoch: 1, term: 0, head: 0 }
      assert.deepEqual(found, survivesReopen ? kept : fresh)
    })

    test('[STO7] whether calls can be timed out is declared; after closing they are refused as closed', async () => {
      assert.equal(store.timeline.canTimeOut, subject.capabilities.canTimeOut)
      await subject.close()
      const closed = (error: unknown) => failureClass(error) === 'closed'
      await assert.rejects(put(entry('r', 1)), closed)
      await assert.rejects(store.history.view(view('r')), closed)
      await assert.rejects(store.users.get('alice'), closed)
      await assert.rejects(store.letters.get('l'), closed)
      await assert.rejects(store.audit.documents(undefined, 1), closed)
    })
  })
}

/** As data: without prototypes, and without the difference between a field that is undefined and one that is not there. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (_, item) => {
      if (item instanceof Map) return [...item]
      return item instanceof Uint8Array ? [...item] : item
    }),
  )
}

function sorted(entries: readonly EntryDocument[]): unknown {
  return plain([...entries].sort((a, b) => byteOrder(a.id, b.id)))
}

function unitOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** Everything of a listing, a few at a time. */
async function pages<T>(
  page: (after: string | undefined, max: number) => Promise<readonly T[]>,
  keyOf: (item: T) => string,
  max: number,
): Promise<T[]> {
  const listed: T[] = []
  for (;;) {
    const last = listed.at(-1)
    const items = await page(last === undefined ? undefined : keyOf(last), max)
    assert.ok(items.length <= max)
    if (items.length === 0) return listed
    listed.push(...items)
  }
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documentsOf, indexHead } from '../../src/core/indexed.ts'
import { Failure } from '../../src/ports/failure.ts'
import type { EntryDocument } from '../../src/ports/store.ts'
import { Scene } from './scene.ts'

/** Puts every message of a room into the index, as the indexer does. */
async function index(scene: Scene, room: string): Promise<void> {
  const { store, search } = scene.engines
  const { entries, head } = await store.history.view({
    room,
    user: undefined,
    after: 0,
    before: undefined,
    entriesMax: 200,
  })
  const documents = entries.flatMap((entry) => documentsOf(entry, 1))
  await search.write({ documents, heads: new Map([[room, indexHead(1, head)]]), through: undefined })
}

/** Entries that nobody has indexed, behind the first so many of the room. */
async function fill(scene: Scene, room: string, head: number, count: number): Promise<void> {
  const documents = Array.from({ length: count }, (_, i): EntryDocument => {
    const seq = head + i + 1
    const content = { kind: 'message', text: `filler${i}` } as const
    return { end: 'stored', id: `filler${i}`, room, seq, sender: 'alice', at: seq, digest: '', origin: seq, content }
  })
  const projections = [{ room, document: undefined, members: [], head: head + count }]
  const request = { documents, letters: [], projections, settled: undefined }
  assert.deepEqual(await scene.engines.store.timeline.write(request), { result: 'all' })
}

async function talk(
  scene: Scene,
  room: string,
  token: string,
  texts: readonly string[],
  members: readonly string[] = [],
) {
  await scene.request('POST', '/v1/rooms', { token, body: { kind: 'group', room, members } })
  for (const [i, text] of texts.entries()) {
    const { status } = await scene.request('POST', `/v1/rooms/${room}/messages?wait=stored`, {
      token,
      body: { clientId: `c${i}`, text },
    })
    assert.equal(status, 201)
  }
  await index(scene, room)
}

function found({ body }: { body: Readonly<Record<string, unknown>> }) {
  return (body.hits as { room: string; text: string }[]).map(({ room, text }) => `${room}: ${text}`)
}

test('[HTTP15] words are found without accents and case, newest first, as the entry stands in the store', async () => {
  await using scene = await Scene.open()
  const alice = await scene.token('alice')
  await talk(scene, 'r', alice, ['Xin chào!', 'nothing', 'xin CHAO again', '我们明天见'])
  const search = (query: string) => scene.request('GET', `/v1/search?${query}`, { token: alice })
  const both = await search('q=xin+ch%C3%A0o')
  assert.equal(both.status, 200)
  assert.deepEqual(found(both), ['r: xin CHAO again', 'r: Xin chào!'])
  assert.deepEqual([both.body.indexedThrough, both.body.partial], [42, false])
  const [hit] = both.body.hits as Readonly<Record<string, unknown>>[]
  const timeline = await scene.request('GET', '/v1/rooms/r/timeline', { token: alice })
  const highlights = [
    [0, 3],
    [4, 8],
  ]
  assert.deepEqual(hit, { room: 'r', ...(timeline.body.entries as object[])[3], highlights })
  assert.deepEqual(found(await search('q=%E6%98%8E%E5%A4%A9')), ['r: 我们明天见'])
  assert.deepEqual(found(await search('q=chao&limit=1')), ['r: xin CHAO again'])
  assert.deepEqual(found(await search('q=absent')), [])
  assert.deepEqual(found(await search('q=%3F%21')), [], 'nothing to look for')
  for (const query of ['q=', 'q=+', '', 'q=x&limit=0', 'q=x&limit=101', 'q=x&rooom=r'])
    assert.equal((await search(query)).body.code, 'BAD_FRAME', query)
  assert.equal((await search(`q=${'x'.repeat(1_025)}`)).body.code, 'TOO_LARGE')
})

test('[HTTP16] only rooms that the caller may read now are searched', async () => {
  await using scene = await Scene.open()
  const [alice, bob, admin] = [await scene.token('alice'), await scene.token('bob'), await scene.token('root', true)]
  await talk(scene, 'secret', alice, ['the password is hunter2'])
  await talk(scene, 'shared', alice, ['no password here'], ['bob'])
  const search = (token: string, room = '') => scene.request('GET', `/v1/search?q=password${room}`, { token })
  assert.deepEqual(found(await search(alice)).sort(), ['secret: the password is hunter2', 'shared: no password here'])
  assert.deepEqual(found(await search(bob)), ['shared: no password here'])
  assert.deepEqual(found(await search(alice, '&room=secret')), ['secret: the password is hunter2'])
  const hidden = await search(bob, '&room=secret')
  assert.deepEqual([hidden.status, hidden.body], [404, (await search(bob, '&room=nowhere')).body])
  assert.deepEqual(found(await search(admin)), [], "an administrator's own rooms")
  assert.deepEqual(found(await search(admin, '&room=secret')), ['secret: the password is hunter2'])
  await scene.request('DELETE', '/v1/rooms/shared/members/bob', { token: alice })
  assert.deepEqual(found(await search(bob)), [])
  assert.equal((await search(bob, '&room=shared')).body.code, 'NOT_A_MEMBER')
})

test('[HTTP16] an index that is replaced while the search runs leaves nothing out', async () => {
  let isAsked = false
  const after = async ({ call }: { call: string }) => {
    if (call !== 'indexed' || !isAsked) return
    isAsked = false
    const { search } = scene.engines
    // It has nothing yet, and says so.
    await search.publish(await search.draft())
  }
  await using scene = await Scene.open({ faults: { after } })
  const alice = await scene.token('alice')
  await talk(scene, 'r', alice, ['a password'])
  isAsked = true
  const answer = await scene.request('GET', '/v1/search?q=password', { token: alice })
  assert.deepEqual([found(answer), answer.body.partial, isAsked], [['r: a password'], false, false])
})

test('[HTTP16] who is removed while the search runs is shown nothing of that room', async () => {
  let removed: () => Promise<void> = async () => {}
  const after = ({ call }: { call: string }) => (call === 'query' ? removed() : undefined)
  await using scene = await Scene.open({ faults: { after } })
  const [alice, bob] = [await scene.token('alice'), await scene.token('bob')]
  await talk(scene, 'shared', alice, ['a password'], ['bob'])
  removed = async () => {
    await scene.request('DELETE', '/v1/rooms/shared/members/bob', { token: alice })
  }
  assert.deepEqual(found(await scene.request('GET', '/v1/search?q=password', { token: bob })), [])
})

test('[HTTP16] an index that is wrong shows nothing wrong, and what one that is behind lacks comes from the store', async () => {
  await using scene = await Scene.open()
  const alice = await scene.token('alice')
  await talk(scene, 'r', alice, ['one', 'two'])
  const at = Date.now()
  // Left over from a history that is no more: other words at a place, and a place that does not exist.
  const stale = { room: 'r', id: 'old', sender: 'eve', at, version: 2 ** 30, tokens: 'password', exact: '' }
  const documents = [
    { ...stale, seq: 2 },
    { ...stale, seq: 99 },
  ]
  await scene.engines.search.write({ documents, heads: new Map(), through: undefined })
  const wrong = await scene.request('GET', '/v1/search?q=password', { token: alice })
  assert.deepEqual([wrong.status, found(wrong), wrong.body.partial], [200, [], false])
  await scene.request('POST', '/v1/rooms/r/messages?wait=stored', {
    token: alice,
    body: { clientId: 'new', text: 'two too' },
  })
  const behind = await scene.request('GET', '/v1/search?q=two', { token: alice })
  assert.deepEqual([found(behind), behind.body.behind, behind.body.partial], [['r: two too', 'r: two'], 1, false])
})

test('[HTTP21] of what the index lacks the newest thousand entries are looked at, and more is said to be partial', async () => {
  await using scene = await Scene.open()
  const alice = await scene.token('alice')
  await talk(scene, 'r', alice, ['one'])
  await fill(scene, 'r', 2, 1_200)
  const asked = await scene.request('GET', '/v1/search?q=one&room=r', { token: alice })
  assert.deepEqual([found(asked), asked.body.behind, asked.body.partial], [['r: one'], 1_200, true])
  const deep = await scene.request('GET', '/v1/search?q=filler150&room=r', { token: alice })
  const deeper = await scene.request('GET', '/v1/search?q=filler1150&room=r', { token: alice })
  assert.deepEqual([found(deep), found(deeper)], [[], ['r: filler1150']])
})

test('[HTTP22] page after page shows every hit once, in either order; a cursor is of one query', async () => {
  await using scene = await Scene.open()
  const alice = await scene.token('alice')
  await talk(scene, 'a', alice, ['chào', 'chao', 'Chào bạn', 'chao ban', 'other'])
  await talk(scene, 'b', alice, ['chao', 'xin chào bạn'])
  for (const order of ['newest', 'relevance']) {
    const query = `q=ch%C3%A0o+ban&order=${order}`
    const all = await scene.request('GET', `/v1/search?${query}`, { token: alice })
    assert.equal(all.body.next, null)
    const pages: string[] = []
    for (let cursor = ''; ; ) {
      const page = await scene.request('GET', `/v1/search?${query}&limit=1${cursor}`, { token: alice })
      pages.push(...found(page))
      if (page.body.next === null) break
      cursor = `&cursor=${page.body.next}`
      const foreign = await scene.request('GET', `/v1/search?q=other&limit=1${cursor}`, { token: alice })
      assert.deepEqual([foreign.status, foreign.body.code], [400, 'BAD_FRAME'])
    }
    assert.deepEqual(pages, found(all))
    const relevant = ['b: xin chào bạn', 'a: Chào bạn', 'a: chao ban']
    if (order === 'relevance') assert.deepEqual(pages, relevant)
  }
  for (const cursor of ['x', '', 'W10', 'eyJhIjoxfQ', Buffer.from('["",0,0,1,"a"]').toString('base64url')]) {
    const { status, body } = await scene.request('GET', `/v1/search?q=chao&cursor=${cursor}`, { token: alice })
    assert.deepEqual([status, body.code], [400, 'BAD_FRAME'], cursor)
  }
})

test('[HTTP22] one sender can be asked for, and a word that is being typed', async () => {
  await using scene = await Scene.open()
  const [alice, bob] = [await scene.token('alice'), await scene.token('bob')]
  await talk(scene, 'r', alice, ['xin chào', 'chance'], ['bob'])
  const body = { clientId: 'b', text: 'chào Alice' }
  await scene.request('POST', '/v1/rooms/r/messages?wait=stored', { token: bob, body })
  const search = async (query: string) => found(await scene.request('GET', `/v1/search?${query}`, { token: bob }))
  // The last one is not indexed: the store's tail is looked at in the same way.
  for (const late of [true, false]) {
    if (!late) await index(scene, 'r')
    assert.deepEqual(await search('q=chao&sender=alice'), ['r: xin chào'])
    assert.deepEqual(await search('q=chao&sender=bob'), ['r: chào Alice'])
    assert.deepEqual(await search('q=ch&prefix=true'), ['r: chào Alice', 'r: chance', 'r: xin chào'])
    assert.deepEqual(await search('q=ch'), [])
    assert.deepEqual(await search('q=c&prefix=true'), [], 'one letter begins too much')
    assert.deepEqual(await search('q=ch+&prefix=true'), [], 'a blank ends the word')
  }
})

test('[HTTP22] hostile queries are plain ones', async () => {
  await using scene = await Scene.open()
  const alice = await scene.token('alice')
  await talk(scene, 'r', alice, ['plain words', 'a"b*c'])
  const search = (q: string) => scene.request('GET', `/v1/search?q=${encodeURIComponent(q)}`, { token: alice })
  const marks = '\u0301'.repeat(500)
  const queries = [
    marks,
    `a${marks}`,
    '"',
    "'; DROP TABLE words;--",
    '(a OR b',
    'NOT',
    '*',
    'words*',
    '.*',
    '\0',
    'tokens : x',
    '{}[]()^$|?+',
    '\u{1f468}\u200d',
    'NEAR(a b)',
    `${'a '.repeat(500)}`,
  ]
  for (const q of queries) {
    const { status, body } = await search(q)
    assert.equal(status, 200, `${JSON.stringify(q)}: ${JSON.stringify(body)}`)
  }
  assert.deepEqual(found(await search('a"b*c')), ['r: a"b*c'])
  assert.deepEqual(found(await search('words*')), ['r: plain words'])
})

test('[HTTP16] an index that is away leaves a few rooms to the store, many to a retryable error, and everything else goes on', async () => {
  let isAway = false
  const before = ({ call }: { call: string }) => {
    if (isAway && call === 'query') throw new Failure('transient', 'away')
  }
  await using scene = await Scene.open({ faults: { before } })
  const alice = await scene.token('alice')
  await talk(scene, 'r', alice, ['one'])
  isAway = true
  const few = await scene.request('GET', '/v1/search?q=one', { token: alice })
  assert.deepEqual([few.status, found(few), few.body.behind, few.body.partial], [200, ['r: one'], 2, false])
  for (let i = 0; i < 20; i++)
    await scene.request('POST', '/v1/rooms', { token: alice, body: { kind: 'group', room: `r${i}` } })
  const many = await scene.request('GET', '/v1/search?q=one', { token: alice })
  assert.deepEqual([many.status, many.body.code, many.body.retryable], [503, 'SEARCH_UNAVAILABLE', true])
  const body = { clientId: 'x', text: 'x' }
  assert.equal((await scene.request('POST', '/v1/rooms/r/messages?wait=stored', { token: alice, body })).status, 201)
})

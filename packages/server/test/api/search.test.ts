import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tokens } from '../../src/core/tokens.ts'
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
  await search.write({ documents: entries.flatMap(asDocument), heads: new Map([[room, head]]), through: undefined })
}

function asDocument({ content, ...entry }: EntryDocument) {
  return content.kind === 'message' ? [{ ...entry, tokens: tokens(content.text).join(' ') }] : []
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
  assert.deepEqual(hit, { room: 'r', ...(timeline.body.entries as object[])[3] })
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

test('[HTTP16] an index that is wrong or behind shows nothing wrong, and says that it is behind', async () => {
  await using scene = await Scene.open()
  const alice = await scene.token('alice')
  await talk(scene, 'r', alice, ['one', 'two'])
  const at = Date.now()
  // Left over from a history that is no more: other words at a place, and a place that does not exist.
  const stale = { room: 'r', id: 'old', sender: 'eve', at, tokens: 'password' }
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
  assert.deepEqual([found(behind), behind.body.partial], [['r: two'], true])
})

test('[HTTP16] an index that is away is SEARCH_UNAVAILABLE, and everything else goes on', async () => {
  let isAway = false
  const before = ({ call }: { call: string }) => {
    if (isAway && call === 'query') throw new Failure('transient', 'away')
  }
  await using scene = await Scene.open({ faults: { before } })
  const alice = await scene.token('alice')
  await talk(scene, 'r', alice, ['one'])
  isAway = true
  const away = await scene.request('GET', '/v1/search?q=one', { token: alice })
  assert.deepEqual([away.status, away.body.code, away.body.retryable], [503, 'SEARCH_UNAVAILABLE', true])
  const body = { clientId: 'x', text: 'x' }
  assert.equal((await scene.request('POST', '/v1/rooms/r/messages?wait=stored', { token: alice, body })).status, 201)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fetch } from '../src/platform.ts'
import { turn } from './support/clock.ts'
import { inDen, later, outcomeOf, rejection, Scene } from './support/scene.ts'

const HIT = {
  room: 'den',
  seq: 3,
  id: 'e3',
  kind: 'message',
  sender: 'bob',
  at: 1_003,
  text: 'xin chào',
  highlights: [[4, 8]],
}
const EMPTY = { hits: [], next: null, indexedThrough: 5, behind: 0, partial: false }

/** A server that holds what it is asked until it is told what to answer. */
class Held {
  readonly asked: { readonly url: URL; readonly token: string | undefined; readonly signal: AbortSignal }[] = []
  #answer: (status: number, body: unknown) => void = () => {}
  #fail: (cause: unknown) => void = () => {}

  readonly fetch: Fetch = (url, { headers, signal }) => {
    this.asked.push({ url: new URL(url), token: headers.authorization, signal })
    return new Promise((resolve, reject) => {
      this.#answer = (status, body) => resolve({ ok: status < 300, status, json: async () => body })
      this.#fail = reject
    })
  }

  async answer(status: number, body: unknown): Promise<void> {
    await turn()
    this.#answer(status, body)
  }

  async fail(): Promise<void> {
    await turn()
    this.#fail(new TypeError('fetch failed'))
  }
}

test('[SDK33] a search is asked over HTTP with what was chosen, and needs no connection', async () => {
  const held = new Held()
  const { client } = new Scene({ fetch: held.fetch })
  const found = client.search('xin chào', {
    room: 'a/b',
    sender: 'bob',
    order: 'relevance',
    prefix: true,
    limit: 7,
    cursor: 'c',
  })
  await held.answer(200, { ...EMPTY, hits: [HIT], next: 'more', behind: 2 })
  assert.deepEqual(await found, { hits: [HIT], next: 'more', indexedThrough: 5, behind: 2, partial: false })
  const [{ url, token } = assert.fail('nothing was asked')] = held.asked
  assert.equal(url.origin + url.pathname, 'http://chat.test/base/v1/search')
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    q: 'xin chào',
    room: 'a/b',
    sender: 'bob',
    order: 'relevance',
    prefix: 'true',
    limit: '7',
    cursor: 'c',
  })
  assert.match(token ?? '', /^Bearer token-\d$/)
  const again = client.search('x')
  await held.answer(200, EMPTY)
  assert.equal((await again).next, undefined)
  assert.deepEqual(Object.fromEntries(held.asked[1]?.url.searchParams ?? []), { q: 'x' })
  client.close()
  const atTheTop = new Scene({ fetch: held.fetch, url: 'https://chat.test' }).client
  later(atTheTop.search('x'))
  await turn()
  assert.equal(held.asked[2]?.url.href, 'https://chat.test/v1/search?q=x')
  atTheTop.close()
})

test('[SDK33] an error of the server, what is no answer of it, and no answer at all, are HoldfastErrors', async () => {
  const held = new Held()
  const scene = await inDen(0, { fetch: held.fetch })
  const asked = async (then: () => Promise<void>) => {
    const search = later(scene.client.search('x'))
    await then()
    const { code, message, retryable } = await rejection(search)
    return [code, message, retryable]
  }
  const unavailable = { code: 'SEARCH_UNAVAILABLE', message: 'not now', retryable: true }
  assert.deepEqual(await asked(() => held.answer(503, unavailable)), ['SEARCH_UNAVAILABLE', 'not now', true])
  assert.deepEqual(await asked(() => held.answer(502, '<html>')), ['INTERNAL', 'The server answered 502.', true])
  assert.deepEqual(await asked(() => held.fail()), ['NOT_CONNECTED', 'The server could not be reached.', true])
  const throwing = new Scene({
    fetch: () => {
      throw new TypeError('no such address')
    },
  })
  assert.equal((await rejection(throwing.client.search('x'))).code, 'NOT_CONNECTED')
  throwing.client.close()
  const late = await asked(async () => {
    await turn()
    await scene.clock.advance(15_000)
  })
  assert.deepEqual(late, ['NOT_CONNECTED', 'The search had no answer in time.', true])
  assert.equal(held.asked.at(-1)?.signal.aborted, true)
  scene.client.close()
})

test('[SDK33] a getToken that fails is told; it is not asked without a token', async () => {
  const held = new Held()
  const { client } = new Scene({ fetch: held.fetch, getToken: () => Promise.reject(new Error('signed out')) })
  const { code, retryable } = await rejection(client.search('x'))
  assert.deepEqual([code, retryable, held.asked.length], ['UNAUTHENTICATED', true, 0])
  client.close()
})

test('[SDK33] aborted or closed it ends at once, whoever is still asked, and leaves no timer', async () => {
  const held = new Held()
  const scene = await inDen(0, { fetch: held.fetch })
  const abort = new AbortController()
  const search = later(scene.client.search('x', { signal: abort.signal }))
  await turn()
  assert.equal(await outcomeOf(search), 'pending')
  abort.abort()
  assert.deepEqual([(await rejection(search)).code, held.asked[0]?.signal.aborted], ['ABORTED', true])
  assert.equal((await rejection(scene.client.search('x', { signal: abort.signal }))).code, 'ABORTED')

  const other = later(scene.client.search('x'))
  await turn()
  scene.client.close()
  assert.deepEqual([(await rejection(other)).code, held.asked[1]?.signal.aborted], ['CLOSED', true])
  assert.equal((await rejection(scene.client.search('x'))).code, 'CLOSED')
  assert.deepEqual([scene.clock.timers, held.asked.length], [0, 2])
})

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { BODIES, PUSHES, REPLIES, REQUESTS } from '@holdfast/protocol/schemas'
import type { TSchema } from 'typebox'
import { HTTP_EXAMPLES, type HttpExample } from '../../../../scripts/http-examples.ts'
import { PUSH_EXAMPLES, REPLY_EXAMPLES, REQUEST_EXAMPLES } from '../../../../scripts/protocol-examples.ts'
import { documentsOf, indexHead } from '../../src/core/indexed.ts'
import { deviation, difference, fits, ROUTES } from '../api/contract.ts'
import { type Reply, Scene } from '../api/scene.ts'

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))

test('[DOC1] the pages in docs are what their sources generate', async () => {
  const run = promisify(execFile)(process.execPath, [...process.execArgv, `${ROOT}scripts/reference.ts`, '--check'])
  await assert.doesNotReject(run)
})

test('[DOC2] every frame has an example, which fits its schema and stands on the page', () => {
  const page = readFileSync(`${ROOT}docs/protocol.md`, 'utf8')
  const tables: readonly (readonly [Readonly<Record<string, TSchema>>, Readonly<Record<string, object>>])[] = [
    [REQUESTS, REQUEST_EXAMPLES],
    [REPLIES, REPLY_EXAMPLES],
    [PUSHES, PUSH_EXAMPLES],
  ]
  for (const [schemas, examples] of tables) {
    assert.deepEqual(Object.keys(examples), Object.keys(schemas))
    for (const [type, schema] of Object.entries(schemas)) {
      const example = examples[type]
      assert.ok(fits(schema, example), difference(schema, example))
      assert.ok(page.includes(`\`\`\`json\n${JSON.stringify(example)}\n`), type)
    }
  }
})

test('[DOC2] every HTTP body and every answer of an example fits its schema, and each kind of body is shown', () => {
  const bodies = new Set<string>()
  for (const example of HTTP_EXAMPLES) {
    const { body, status, answer, path } = example
    const route = routeOf(example)
    assert.equal(body === undefined, route.body === undefined, `${path}: a body where there is one`)
    if (route.body !== undefined) {
      assert.ok(fits(BODIES[route.body], body), difference(BODIES[route.body], body))
      bodies.add(route.body)
    }
    const [method = ''] = example.route.split(' ')
    assert.equal(deviation(method, path, status, answer), undefined)
  }
  assert.deepEqual(bodies, new Set(Object.keys(BODIES)))
})

test('[DOC3] every route that answers JSON has an example, and a real API answers the examples as documented', async () => {
  const shown = new Set(HTTP_EXAMPLES.map(({ route }) => route))
  const unshown = ROUTES.filter(
    ({ method, path, answers }) => !shown.has(`${method} ${path}`) && typeof Object.values(answers)[0] !== 'string',
  )
  assert.deepEqual(unshown, [], 'without an example')
  await using scene = await Scene.open({ users: 'registered', parts: { durability: 'fsync' } })
  const bearers = { anna: await scene.token('anna'), operator: await scene.token('operator', true) }
  for (const example of HTTP_EXAMPLES) {
    if (example.route === 'GET /v1/search') await index(scene, 'lobby')
    const [method = ''] = example.route.split(' ')
    const { path, by, body, status, answer } = example
    const reply = await scene.request(method, path, { token: by && bearers[by], ...(body !== undefined && { body }) })
    assert.equal(reply.status, status, `${method} ${path}: ${JSON.stringify(reply.body)}`)
    if (typeof answer === 'string') assert.ok(String(reply.body.text).startsWith(answer), path)
    else assert.deepEqual(steady(reply.body), steady(answer), `${method} ${path}`)
  }
})

test('[DOC4] an answer that its route does not name is noticed wherever a test of the API meets it', async () => {
  const path = '/v1/rooms/lobby/messages?wait=stored'
  const named = { id: 'x', seq: 1, at: 1, duplicate: false }
  const error = { code: 'NOT_FOUND', message: 'nothing', retryable: false }
  assert.equal(deviation('POST', path, 201, named), undefined)
  assert.match(deviation('POST', path, 201, { ...named, seq: '1' }) ?? '', /another body: \/seq must be integer/)
  assert.match(deviation('POST', path, 200, named) ?? '', /answers 200, which it does not name/)
  assert.equal(deviation('POST', path, 404, error), undefined)
  assert.match(
    deviation('POST', path, 409, { ...error, code: 'CONFLICT' }) ?? '',
    /with CONFLICT, which it does not name/,
  )
  assert.match(deviation('GET', '/healthz', 401, { ...error, code: 'UNAUTHENTICATED' }) ?? '', /UNAUTHENTICATED/)
  await using scene = await Scene.open({ parts: { waiting: async () => [1 as unknown as string] } })
  await assert.rejects(scene.request('GET', '/readyz'), /\/readyz answers 503 with another body/)
})

function routeOf({ route }: HttpExample) {
  const found = ROUTES.find(({ method, path }) => `${method} ${path}` === route)
  assert.ok(found !== undefined, `there is no ${route}`)
  return found
}

/** Puts every message of a room into the index, as the indexer does. */
async function index({ engines: { store, search } }: Scene, room: string): Promise<void> {
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

/** What another time, place or build changes; that it is there, and of its kind, the schema says. */
const CHANGING = new Set(
  'at createdAt token expires firstFailedAt stateAt attempts timestamp worker build indexedThrough'.split(' '),
)

function steady(value: Reply['body'] | object): unknown {
  return JSON.parse(JSON.stringify(value), (name, part: unknown) => (CHANGING.has(name) && part !== null ? '…' : part))
}

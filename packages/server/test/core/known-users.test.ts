import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KnownUsers } from '../../src/core/known-users.ts'
import { Failure } from '../../src/ports/failure.ts'
import type { UserStore } from '../../src/ports/store.ts'
import { memoryEngines } from '../support/adapters.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A store that counts what is looked up, and does not answer while it is told not to. */
function storeOf() {
  const { users } = memoryEngines({}).store
  const looked: string[] = []
  const state = { isAway: false }
  const store: UserStore = {
    put: (user, name, at) => users.put(user, name, at),
    async get(user) {
      looked.push(user)
      if (state.isAway) throw new Failure('transient', 'away')
      return users.get(user)
    },
  }
  return { store, users, looked, state }
}

test('[JWT12] who was written or read is known; who was not is looked up, for the next time', async () => {
  const { store, users, looked } = storeOf()
  const known = new KnownUsers(store, 10)
  await known.put('al', undefined, 1)
  assert.equal(known.knows('al'), true)
  await users.put('bo', undefined, 1)
  assert.equal(known.knows('bo'), false)
  assert.equal(known.knows('bo'), false)
  await turn()
  assert.equal(known.knows('bo'), true)
  assert.deepEqual(looked, ['bo'], 'one look-up at a time')
  assert.equal(known.knows('nobody'), false)
  await turn()
  assert.equal(known.knows('nobody'), false)
})

test('[JWT12] a store that fails makes nobody known; who is forgotten is looked up again', async () => {
  const { store, users, state } = storeOf()
  const known = new KnownUsers(store, 2)
  state.isAway = true
  for (const user of ['al', 'bo', 'cy']) {
    await users.put(user, undefined, 1)
    assert.equal(known.knows(user), false)
  }
  await turn()
  assert.equal(known.knows('al'), false)
  state.isAway = false
  await turn()
  for (const user of ['al', 'bo', 'cy']) await known.get(user)
  assert.deepEqual(
    ['bo', 'cy', 'al'].map((user) => known.knows(user)),
    [true, true, false],
  )
  await turn()
  assert.equal(known.knows('al'), true)
})

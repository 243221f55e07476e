import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OwnEngine } from '../../../../engines/index.ts'
import { Conversation } from '../crash/conversation.ts'
import { Operator } from '../crash/operator.ts'
import { engineForTests } from '../support/engines.ts'
import { signIn, until } from '../support/server.ts'
import { SlowProxy } from '../support/slow-proxy.ts'
import { Cluster } from './installation.ts'
import { waiting } from './outage.ts'

const kafka = await engineForTests('kafka')
const mongodb = await engineForTests('ferretdb')

interface Trouble {
  readonly what: string
  /** The indexer, meanwhile. */
  readonly says?: RegExp
  begin(at: At): Promise<unknown>
  end(at: At): Promise<unknown>
}

interface At {
  readonly engine: OwnEngine
  readonly proxy: SlowProxy
  /** Of the index itself. */
  readonly index: string
}

const TROUBLES: readonly Trouble[] = [
  {
    what: 'killed',
    says: /cannot be reached/,
    begin: ({ engine }) => engine.signal('SIGKILL'),
    end: ({ engine }) => engine.startAgain(),
  },
  {
    what: 'frozen',
    says: /does not answer/,
    begin: ({ engine }) => engine.signal('SIGSTOP'),
    end: ({ engine }) => engine.signal('SIGCONT'),
  },
  {
    what: 'answering 429',
    says: /please make room on its disks/,
    begin: blocking('read_only_allow_delete', true),
    end: blocking('read_only_allow_delete', false),
  },
  {
    what: 'closed to writes',
    says: /please make room on its disks, or open the index/,
    begin: blocking('write', true),
    end: blocking('write', false),
  },
  {
    what: 'ten seconds late',
    begin: async ({ proxy }) => {
      proxy.delayMs = 10_000
    },
    end: async ({ proxy }) => {
      proxy.delayMs = 0
    },
  },
  { what: 'without its index', begin: ({ index }) => request('DELETE', index), end: async () => {} },
]

for (const name of ['opensearch', 'elasticsearch'] as const) {
  const engine = (await engineForTests(name))?.own
  if (engine === undefined || kafka === undefined || mongodb === undefined) continue
  const engines = { kafka: kafka.url, mongodb: mongodb.url }

  for (const { what, says, begin, end } of TROUBLES)
    test(`[CLU50] ${name} ${what}: sends go on and are found, no letter is written, and afterwards the index has everything by itself`, {
      timeout: 240_000,
    }, async () => {
      await using proxy = await SlowProxy.inFrontOf(engine.url)
      await using cluster = await Cluster.open(engines, { search: proxy.url })
      const [gateway, , indexer] = await Promise.all(
        ['gateway', 'worker', 'indexer'].map((role) => cluster.start(role)),
      )
      assert.ok(gateway !== undefined && indexer !== undefined)
      const conversation = await Conversation.begin(gateway.url)
      const token = await signIn(gateway.url, 'anna')
      const find = async (word: string) => {
        const answer = await fetch(`${gateway.url}/v1/search?q=${word}&room=lobby&limit=100`, {
          headers: { authorization: `Bearer ${token}` },
        })
        assert.equal(answer.status, 200, await answer.clone().text())
        return (await answer.json()) as { hits: readonly unknown[]; behind: number; partial: boolean }
      }
      const at = { engine, proxy, index: `${engine.url}${new URL(cluster.search).pathname}-1` }
      try {
        conversation.talk(3)
        await conversation.heard()
        await until('the index has it', async () => (await find('chao')).behind === 0, 60_000)
        await begin(at)
        try {
          conversation.talk(3)
          await conversation.heard()
          if (says !== undefined)
            await until(
              'the indexer says what it waits for',
              async () => says.test((await waiting(indexer)).join()),
              60_000,
            )
          assert.deepEqual(await waiting(gateway), [])
          assert.deepEqual([(await find('chao')).hits.length, (await find('xin')).partial], [18, false])
        } finally {
          await end(at)
        }
        await conversation.check()
        await until('the index has everything', async () => (await find('chao')).behind === 0, 120_000)
        assert.equal((await find('chao')).hits.length, 18)
        await cluster.isQuiet()
        await until('nobody waits any more', async () => (await waiting(indexer)).length === 0)
      } finally {
        conversation.end()
      }
    })

  test(`[CLU51] ${name}: on every gateway, whoever left a room finds nothing of it in the second after, and whoever was never in it never does`, {
    timeout: 120_000,
  }, async () => {
    await using cluster = await Cluster.open(engines, { search: engine.url })
    const [one, other] = await Promise.all(
      ['gateway', 'gateway', 'worker', 'indexer'].map((role) => cluster.start(role)),
    )
    assert.ok(one !== undefined && other !== undefined)
    const operator = await Operator.of(one, cluster)
    for (const user of ['anna', 'ben', 'eve']) await operator.register(user)
    await operator.createRoom('lobby', ['anna', 'ben'])
    await operator.createRoom('open', ['ben', 'eve'])
    for (let n = 0; n < 5; n++) await operator.say('lobby', 'anna', `lobby ${n}`, `secret ${n}`)
    await operator.say('open', 'eve', 'open 1', 'no secret')
    const [ben, eve] = await Promise.all([operator.token('ben'), operator.token('eve')])
    // Where it is found: by what the index has, and by what only the store has.
    const rooms = async (token: string, { url } = other) => {
      const answer = await fetch(`${url}/v1/search?q=secret&limit=100`, {
        headers: { authorization: `Bearer ${token}` },
      })
      const { hits, behind } = (await answer.json()) as { hits: readonly { room: string }[]; behind: number }
      assert.equal(answer.status, 200)
      return { found: hits.map(({ room }) => room).sort(), behind }
    }
    const all = [...Array<string>(5).fill('lobby'), 'open']
    for (const gateway of [one, other])
      await until(
        'the index has it',
        async () => {
          const { found, behind } = await rooms(ben, gateway)
          assert.deepEqual([found, (await rooms(eve, gateway)).found], [all, ['open']])
          return behind === 0
        },
        60_000,
      )
    await operator.say('lobby', 'anna', 'lobby 5', 'secret 5')
    // Who searches all the time has every chance to be answered from what was true a moment ago.
    let left = Number.POSITIVE_INFINITY
    const searching = [one, other].map(async (gateway) => {
      let after = 0
      while (after < 20 || performance.now() < left + 1_000) {
        const begun = performance.now()
        const [bens, eves] = await Promise.all([ben, eve].map((token) => rooms(token, gateway)))
        assert.deepEqual(eves?.found, ['open'])
        if (begun < left) continue
        after++
        assert.deepEqual(bens?.found, ['open'])
      }
    })
    const leaving = operator.removeMember('lobby', 'ben').then(() => {
      left = performance.now()
    })
    await Promise.all([...searching, leaving])
    const named = await fetch(`${other.url}/v1/search?q=secret&room=lobby`, {
      headers: { authorization: `Bearer ${ben}` },
    })
    assert.equal(((await named.json()) as { code: string }).code, 'NOT_A_MEMBER')
  })
}

/** Blocks an index, as a disk does that is nearly full, or an operator. */
function blocking(kind: string, on: boolean): Trouble['begin'] {
  return ({ index }) => request('PUT', `${index}/_settings`, { [`index.blocks.${kind}`]: on ? true : null })
}

async function request(method: string, url: string, body?: object): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  assert.equal(answer.status, 200, await answer.text())
}

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { canStart, type EngineName, startEngine } from '../index.ts'
import { HOST } from '../machine/ports.ts'
import { KAFKA_CLIENT, kafkaKnows, MONGODB_CLIENT, type RawDoor } from './raw-clients.ts'

const SECURE: readonly EngineName[] = ['kafka-secure', 'ferretdb-secure']

for (const name of SECURE)
  test(`[ENG17] ${name} shows a certificate of an authority of its own, and lets nobody in without its credentials`, async (context) => {
    if (!canStart(context, name)) return
    await using engine = await startEngine(name)
    const { username, password, caFile } = engine.security
    const port = Number(/:(\d+)/.exec(engine.url)?.[1])
    const client = name.startsWith('kafka') ? KAFKA_CLIENT : MONGODB_CLIENT

    const verified = openssl('-connect', `${HOST}:${port}`, '-CAfile', caFile)
    assert.match(verified.stdout, /Verify return code: 0 \(ok\)/)
    assert.equal(openssl('-connect', `localhost:${port}`, '-CAfile', caFile, '-verify_hostname', 'localhost').status, 0)
    assert.notEqual(openssl('-connect', `${HOST}:${port}`, '-CAfile', caFile, '-verify_hostname', 'other').status, 0)
    const [untrusting] = await once(connect({ port, host: HOST }), 'error')
    assert.match(untrusting.code, /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE/)

    await client.write({ port, caFile, credentials: { username, password } }, 'of-one-who-knows')
    const ended = /^Error: The connection ended before an answer\.$/
    const unknown = name === 'kafka-secure' ? /error code 58/ : /password authentication failed/
    const strangers: readonly (readonly [RawDoor, RegExp])[] = [
      [{ port }, ended],
      [{ port, caFile }, name === 'kafka-secure' ? ended : unknown],
      [{ port, caFile, credentials: { username, password: 'wrong' } }, unknown],
      [{ port, caFile, credentials: { username: 'nobody', password } }, unknown],
    ]
    for (const [door, refusal] of strangers) await assert.rejects(client.has(door, 'of-one-who-knows'), refusal)
    assert.equal(await client.has({ port, caFile, credentials: { username, password } }, 'of-one-who-knows'), true)
  })

test('[ENG18] Kafka with credentials knows them by SCRAM-SHA-512 as well, and proves it', async (context) => {
  if (!canStart(context, 'kafka-secure')) return
  await using kafka = await startEngine('kafka-secure')
  const { username, password, caFile } = kafka.security
  const port = Number(/:(\d+)/.exec(kafka.url)?.[1])

  assert.equal(await kafkaKnows({ port, caFile, credentials: { username, password } }), true)
  await assert.rejects(kafkaKnows({ port, caFile, credentials: { username, password: 'wrong' } }), /error code 58/)
})

test('[ENG17] an engine without TLS and credentials has none to be asked for', async (context) => {
  if (!canStart(context, 'ferretdb')) return
  await using ferretdb = await startEngine('ferretdb')
  assert.throws(() => ferretdb.security, /^Error: ferretdb has neither TLS nor credentials\.$/)
})

function openssl(...args: readonly string[]) {
  const options = ['s_client', '-verify_return_error', ...args]
  return spawnSync('openssl', options, { input: '', encoding: 'utf8', timeout: 30_000 })
}

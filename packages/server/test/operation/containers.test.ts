import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ENGINE } from '../../../../engines/table.ts'
import { allNamed } from '../../src/config/names.ts'
import { readConfig } from '../../src/config/read.ts'
import { SETTINGS } from '../../src/config/settings.ts'

const ROOT = new URL('../../../../', import.meta.url)
const DOCKERFILE = readFileSync(new URL('Dockerfile', ROOT), 'utf8')
const COMPOSE = readFileSync(new URL('compose.yaml', ROOT), 'utf8')
const THREE_COPIES = readFileSync(new URL('deploy/three-copies.yaml', ROOT), 'utf8')

test('[CTR1] what the image and the compose files set are settings, and every role can start with them', () => {
  const known = new Set(allNamed(SETTINGS).map(({ variable }) => variable))
  const named = [DOCKERFILE, COMPOSE, THREE_COPIES].flatMap((text) => text.match(/\bHOLDFAST_[A-Z_]+\b/g) ?? [])
  assert.ok(named.length > 15)
  assert.deepEqual(
    named.filter((name) => !known.has(name)),
    [],
  )

  const image = { HOLDFAST_HOST: '0.0.0.0', HOLDFAST_DATA: '/data' }
  for (const [name, value] of Object.entries(image)) assert.ok(DOCKERFILE.includes(`${name}=${value}`), name)
  const roles = [...COMPOSE.matchAll(/HOLDFAST_ROLE: (\w+)/g)].map(([, role]) => role)
  assert.deepEqual(roles, ['gateway', 'worker', 'indexer'])
  const one = { ...image, ...variablesOf(COMPOSE), HOLDFAST_JWT_SECRETS: 'x'.repeat(32) }
  const three = { ...one, ...variablesOf(THREE_COPIES) }
  for (const role of [undefined, ...roles]) {
    const config = readConfig({ environment: { ...one, HOLDFAST_ROLE: role } })
    assert.deepEqual([config.isCluster, config.kafka.replication, config.kafka.minInSync], [true, 1, 1])
    assert.ok(config.graceMsMax < Number(/stop_grace_period: (\d+)s/.exec(COMPOSE)?.[1]) * 1_000)
    const { kafka, log, store } = readConfig({ environment: { ...three, HOLDFAST_ROLE: role } })
    assert.deepEqual([kafka.replication, kafka.minInSync], [3, 2])
    for (const url of [log, store]) assert.equal(url.split(',').length, 3)
  }
})

test('[CTR2] without a secret for tokens nothing is started, and it is said how to make one', () => {
  const said = /HOLDFAST_JWT_SECRETS: "\$\{HOLDFAST_JWT_SECRETS:\?(.+)\}"/.exec(COMPOSE)?.[1] ?? ''
  assert.equal(said, 'make one with echo HOLDFAST_JWT_SECRETS=`openssl rand -hex 32` >> .env')
})

test('[CTR3] the image is made of every package, of the Node we are tested on; Kafka is the one our tests run', () => {
  const { workspaces } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { workspaces: string[] }
  for (const folder of workspaces) assert.ok(DOCKERFILE.includes(`COPY ${folder}/package.json ${folder}/\n`), folder)
  assert.match(DOCKERFILE, new RegExp(`^FROM node:${process.versions.node.split('.')[0]}-slim `, 'm'))
  for (const text of [COMPOSE, THREE_COPIES])
    assert.deepEqual(text.match(/apache\/kafka:\S+/g), [`apache/kafka:${ENGINE.kafka.program.version}`])
})

/** Those with a plain value, wherever they stand: nothing is set twice in one file but the role. */
function variablesOf(text: string): Readonly<Record<string, string>> {
  const lines = [...text.matchAll(/^ +(HOLDFAST_[A-Z_]+): "?([^"\s]+)"?$/gm)]
  const names = lines.map(([, name]) => name)
  assert.equal(new Set(names).size, names.length)
  return Object.fromEntries(lines.map(([, name, value]) => [name, value]))
}

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError } from '../../src/config/config.ts'
import { readConfig } from '../../src/config/read.ts'
import { settingsReference } from '../../src/config/reference.ts'
import { INTAKE_DEFAULTS } from '../../src/core/intake.ts'
import { SEND_RATE_DEFAULTS } from '../../src/core/rate.ts'
import { RETENTION_DEFAULTS } from '../../src/core/retention.ts'
import { GATEWAY_DEFAULTS } from '../../src/gateway/settings.ts'
import { INDEXER_DEFAULTS } from '../../src/indexer/settings.ts'
import { WORKER_DEFAULTS } from '../../src/worker/settings.ts'
import { temporaryFolder } from '../support/server.ts'

const SECRET = 'a-secret-of-a-test-that-is-long-enough'

function refusal(sources: Parameters<typeof readConfig>[0]): string {
  try {
    readConfig({ environment: {}, ...sources })
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.message
  }
  throw new assert.AssertionError({ message: 'it was taken' })
}

test('[CFG1] a flag wins over the environment, that over the file, and that over the default', () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'settings.json')
  writeFileSync(file, JSON.stringify({ port: 1001, users: 'registered', worker: { batchRecordsMax: 7 } }))
  const environment = { HOLDFAST_CONFIG: file, HOLDFAST_PORT: '1002', HOLDFAST_WORKER_LANE_BACKOFF_DELAY_MS: '9' }
  const config = readConfig({ flags: { port: '1003' }, environment })
  assert.equal(config.port, 1003)
  assert.equal(readConfig({ environment }).port, 1002)
  assert.equal(readConfig({ flags: { config: file }, environment: {} }).port, 1001)
  assert.equal(readConfig({ environment: {} }).port, 8080)
  const defaults = { logLevel: 'warn' }
  assert.equal(readConfig({ environment: {}, defaults }).logLevel, 'warn')
  assert.equal(readConfig({ environment: { HOLDFAST_LOG_LEVEL: 'info' }, defaults }).logLevel, 'info')
  assert.equal(config.users, 'registered')
  assert.equal(config.worker.batchRecordsMax, 7)
  assert.equal(config.worker.laneBackoff.delayMs, 9)
})

test('[CFG1] the defaults are those that the parts were made with', () => {
  const { worker, gateway, indexer, intake, sendRate } = readConfig({ environment: {} })
  assert.deepEqual(worker, WORKER_DEFAULTS)
  assert.deepEqual(gateway, GATEWAY_DEFAULTS)
  assert.deepEqual(indexer, INDEXER_DEFAULTS)
  assert.deepEqual(intake, { ...INTAKE_DEFAULTS, ...RETENTION_DEFAULTS })
  assert.deepEqual(sendRate, SEND_RATE_DEFAULTS)
})

test('[CFG1] a variable that is set to nothing counts as not set', () => {
  assert.equal(readConfig({ environment: { HOLDFAST_ALERT_URL: '' } }).alertUrl, undefined)
})

test('[CFG2] an unknown setting stops the start, wherever it stands, with the name that was probably meant', () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'settings.json')
  writeFileSync(file, '{"worker": {"batchRecordMax": 7}}')
  assert.match(refusal({ environment: { HOLDFAST_PROT: '1' } }), /no setting HOLDFAST_PROT.*HOLDFAST_PORT\?/)
  assert.match(refusal({ flags: { 'log-levle': 'info' } }), /--log-level\?/)
  assert.match(refusal({ flags: { config: file } }), /worker\.batchRecordMax in .*worker\.batchRecordsMax\?/)
  assert.equal(readConfig({ environment: { HFTEST_CHROMIUM: '/usr/bin/chromium', HOME: '/' } }).port, 8080)
})

test('[CFG2] a group with nothing in it is fine where there is such a group, and a mistake where there is none', () => {
  using folder = temporaryFolder()
  const config = join(folder.path, 'settings.json')
  const refusalOf = (json: unknown) => {
    writeFileSync(config, JSON.stringify(json))
    return refusal({ flags: { config } })
  }
  assert.match(refusalOf({ wroker: {} }), /no setting wroker in/)
  assert.match(refusalOf({ worker: { batch: {} } }), /no setting worker\.batch in/)
  assert.match(refusalOf({ worker: 5 }), /no setting worker in/)
  assert.match(refusalOf({ worker: [] }), /no setting worker in/)
  assert.match(refusalOf({ '': 5 }), /no setting "" in/)
  assert.match(refusalOf({ port: {} }), /port in .*integer/)
  writeFileSync(config, '{"worker": {}}')
  assert.equal(readConfig({ flags: { config } }).port, 8080)
})

test('[CFG2] a value of the wrong kind stops the start and is shown, unless it is a secret', () => {
  assert.match(refusal({ environment: { HOLDFAST_PORT: '80 80' } }), /HOLDFAST_PORT "80 80".*integer, 0 to 65535/)
  assert.match(refusal({ environment: { HOLDFAST_PORT: '65536' } }), /65535/)
  assert.match(refusal({ environment: { HOLDFAST_USERS: 'all' } }), /one of auto, registered/)
  assert.match(refusal({ environment: { HOLDFAST_ALERT_URL: 'ftp://x' } }), /URL/)
  const message = refusal({ environment: { HOLDFAST_JWT_SECRETS: 'tell-nobody,,' } })
  assert.doesNotMatch(message, /tell-nobody/)
})

test('[CFG2] a settings file that is missing, no JSON or no object stops the start', () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'settings.json')
  assert.match(refusal({ flags: { config: file } }), /cannot be read/)
  writeFileSync(file, '{')
  assert.match(refusal({ flags: { config: file } }), /cannot be read/)
  writeFileSync(file, '[]')
  assert.match(refusal({ flags: { config: file } }), /one JSON object/)
})

test('[CFG3] settings that contradict each other stop the start and say which to change', () => {
  assert.match(
    refusal({ environment: { HOLDFAST_WORKER_STORE_ATTEMPT_MS_MAX: '10000', HOLDFAST_WORKER_BATCH_MS_MAX: '10000' } }),
    /Lower HOLDFAST_WORKER_STORE_ATTEMPT_MS_MAX or raise HOLDFAST_WORKER_BATCH_MS_MAX/,
  )
  assert.match(refusal({ environment: { HOLDFAST_DRAIN_MS_MAX: '10000' } }), /drainMsMax.*graceMsMax/)
  assert.match(refusal({ environment: { HOLDFAST_JWT_ISSUER: 'me' } }), /no key/)
  assert.match(refusal({ environment: { HOLDFAST_ALERT_SECRET: 'x' } }), /HOLDFAST_ALERT_URL/)
})

test('[CFG4] an address that others can reach needs keys', () => {
  for (const host of ['0.0.0.0', '::', '192.168.1.5', 'chat.example.org', '127.0.0.1.example.org'])
    assert.match(refusal({ environment: { HOLDFAST_HOST: host } }), /reached by others/, host)
  const open = readConfig({ environment: { HOLDFAST_HOST: '0.0.0.0', HOLDFAST_JWT_SECRETS: SECRET } })
  assert.deepEqual([open.isLoopback, open.hasKeys], [false, true])
  const local = readConfig({ environment: { HOLDFAST_HOST: '127.0.0.2' } })
  assert.deepEqual([local.isLoopback, local.hasKeys], [true, false])
})

test('[CFG5] a key that cannot be used stops the start', () => {
  using folder = temporaryFolder()
  mkdirSync(join(folder.path, 'keys'))
  const write = (name: string, pem: string) => {
    const file = join(folder.path, 'keys', name)
    writeFileSync(file, pem)
    return file
  }
  const good = generateKeyPairSync('ed25519')
  const publicPem = good.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const privatePem = good.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ type: 'spki', format: 'pem' })
  const config = readConfig({ environment: { HOLDFAST_JWT_PUBLIC_KEYS: write('2026-11.pem', publicPem) } })
  assert.deepEqual(config.publicKeys, [{ kid: '2026-11', pem: publicPem }])
  assert.equal(config.hasKeys, true)
  const refused = (file: string) => refusal({ environment: { HOLDFAST_JWT_PUBLIC_KEYS: file } })
  assert.match(refused(write('private.pem', privatePem)), /private/)
  assert.match(refused(write('weak.pem', weak.toString())), /rsa/)
  assert.match(refused(write('none.pem', 'no key')), /is no key/)
  assert.match(refused(join(folder.path, 'absent.pem')), /cannot be read/)
  assert.match(refusal({ environment: { HOLDFAST_JWT_SECRETS: `${SECRET},short` } }), /shorter than 32 bytes/)
})

test('[CFG6] settings are frozen plain data, and secrets have no flag', () => {
  const config = readConfig({ environment: { HOLDFAST_JWT_SECRETS: `${SECRET},${SECRET}2` } })
  assert.throws(() => Object.assign(config.worker.laneBackoff, { delayMs: 1 }), TypeError)
  assert.throws(() => (config.jwtSecrets as string[]).push('x'), TypeError)
  assert.deepEqual(structuredClone(config), config)
  assert.deepEqual(config.jwtSecrets, [SECRET, `${SECRET}2`])
  assert.match(refusal({ flags: { 'jwt-secrets': SECRET } }), /no setting --jwt-secrets/)
})

test('[CFG7] the reference of settings names each with its flag, variable, kind, default and reason', () => {
  const reference = settingsReference()
  assert.match(reference, /^\| `port` \| `--port` \| `HOLDFAST_PORT` \| integer, 0 to 65535 \| `8080` \| \S/m)
  assert.match(reference, /^\| `gateway\.outboxBytesMax` \|.*\| `1048576` \|.*frozen phone/m)
  assert.match(reference, /^\| `jwtSecrets` \| – \|/m)
  // Every row has six cells: a bar in a reason would break the table.
  for (const row of reference.split('\n').filter((line) => line.startsWith('|')))
    assert.equal(row.split('|').length, 8, row)
})

import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { isId } from '@holdfast/protocol'
import fc from 'fast-check'
import { exportJWK, SignJWT } from 'jose'
import { type AccessOptions, ADMINISTRATOR_SCOPE, JwtAccess, OWN_KEY } from '../../src/adapters/jwt/access.ts'
import { createSecret, readSecret, SECRET_FILE } from '../../src/adapters/jwt/secret.ts'
import { sign } from '../../src/adapters/jwt/sign.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { Admission } from '../../src/core/admission.ts'
import { KnownUsers } from '../../src/core/known-users.ts'
import { Problem } from '../../src/core/problem.ts'
import { Failure } from '../../src/ports/failure.ts'
import type { UserDocument, UserStore } from '../../src/ports/store.ts'
import type { Clock } from '../../src/ports/system.ts'
import { temporaryFolder } from '../support/server.ts'

const OWN = new Uint8Array(32).fill(7)
const SECRET = 'a secret of a test, 32 bytes long'
const NOW = Date.UTC(2026, 10, 23)
const MINUTE_MS = 60_000

/** A clock that stands until it is told. */
function standing(): Clock & { time: number } {
  const clock = { ...systemClock, time: NOW, now: () => clock.time }
  return clock
}

function access(options: Partial<AccessOptions>, clock: Clock = standing()): JwtAccess {
  return new JwtAccess(
    {
      own: OWN,
      secrets: [],
      publicKeys: [],
      keySetUrl: undefined,
      issuer: undefined,
      audience: undefined,
      rememberedTokensMax: 100,
      ...options,
    },
    clock,
  )
}

interface Claims {
  readonly alg?: string
  readonly kid?: string
  readonly sub?: unknown
  readonly exp?: unknown
  readonly [claim: string]: unknown
}

async function token(key: string | KeyObject, { alg = 'HS256', kid, ...claims }: Claims = {}): Promise<string> {
  const payload = { sub: 'alice', exp: NOW / 1_000 + 600, ...claims }
  const header = kid === undefined ? { alg } : { alg, kid }
  return new SignJWT(payload as Record<string, unknown>)
    .setProtectedHeader(header)
    .sign(typeof key === 'string' ? new TextEncoder().encode(key) : key)
}

/** A token put together by hand: what no library would sign. */
function forged(header: object, claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part(header)}.${part(claims)}.`
}

function refuses(code: string) {
  return (error: unknown) => error instanceof Problem && error.code === code
}

const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()

test('[JWT1] tokens of HS256, RS256, ES256 and EdDSA are judged by several keys at once', async () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ed = generateKeyPairSync('ed25519')
  const publicKeys = [rsa, ec, ed].map(({ publicKey }, i) => ({ kid: `key-${i}`, pem: pem(publicKey) }))
  const judge = access({ secrets: ['an older secret of a test, 32 bytes', SECRET], publicKeys })
  const tokens = [
    await token(SECRET),
    await token(rsa.privateKey, { alg: 'RS256', kid: 'key-0' }),
    await token(ec.privateKey, { alg: 'ES256' }),
    await token(ed.privateKey, { alg: 'EdDSA', kid: 'unheard of' }),
  ]
  for (const token of tokens) {
    const identity = await judge.verify(token)
    assert.deepEqual(identity, { user: 'alice', administrator: false, expires: NOW + 10 * MINUTE_MS + 30_000 })
  }
})

test('[JWT2] no algorithm, an unknown one, or one that the key was not made for: refused', async () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const judge = access({ secrets: [SECRET], publicKeys: [{ kid: 'rsa', pem: pem(rsa.publicKey) }] })
  const claims = { sub: 'alice', exp: NOW / 1_000 + 600 }
  const wrong = [
    forged({ alg: 'none' }, claims),
    forged({ alg: 'HS999' }, claims),
    forged({}, claims),
    await token(SECRET, { alg: 'HS512' }),
    // The public key used as a shared secret: everybody has it.
    await token(pem(rsa.publicKey), { kid: 'rsa' }),
    await token('another secret of a test, 32 bytes'),
    `${(await token(SECRET)).slice(0, -4)}AAAA`,
    'no token',
    '..',
    '',
    'x'.repeat(20_000),
  ]
  for (const token of wrong) await assert.rejects(judge.verify(token), refuses('UNAUTHENTICATED'), token.slice(0, 80))
})

test('[JWT3] sub must be a user id and exp a time; exp has a leeway of 30 s', async () => {
  const clock = standing()
  const judge = access({ secrets: [SECRET] }, clock)
  for (const sub of [undefined, '', 42, 'a\u0000b', 'x'.repeat(129)])
    await assert.rejects(judge.verify(await token(SECRET, { sub })), refuses('UNAUTHENTICATED'), String(sub))
  for (const exp of [undefined, 'soon', null])
    await assert.rejects(judge.verify(await token(SECRET, { exp })), refuses('UNAUTHENTICATED'), String(exp))
  await assert.rejects(judge.verify(await token(SECRET, { nbf: NOW / 1_000 + 60 })), refuses('UNAUTHENTICATED'))
  const late = await token(SECRET, { exp: NOW / 1_000 - 29 })
  assert.equal((await judge.verify(late)).expires, NOW + 1_000)
  clock.time += 1_000
  await assert.rejects(judge.verify(late), refuses('TOKEN_EXPIRED'))
  await assert.rejects(judge.verify(await token(SECRET, { exp: NOW / 1_000 - 60 })), refuses('TOKEN_EXPIRED'))
  assert.ok(Number.isSafeInteger((await judge.verify(await token(SECRET, { exp: 1e300 }))).expires))
  for (const user of ['Ann ', 'ann ', '日本', '__proto__'])
    assert.equal((await judge.verify(await token(SECRET, { sub: user }))).user, user)
})

test('[JWT3] issuer and audience are checked where they are set', async () => {
  const judge = access({ secrets: [SECRET], issuer: 'app', audience: 'chat' })
  assert.equal((await judge.verify(await token(SECRET, { iss: 'app', aud: ['mail', 'chat'] }))).user, 'alice')
  for (const claims of [{}, { iss: 'app' }, { iss: 'app', aud: 'mail' }, { iss: 'other', aud: 'chat' }])
    await assert.rejects(judge.verify(await token(SECRET, claims)), refuses('UNAUTHENTICATED'), JSON.stringify(claims))
})

test('[JWT4] only the scope holdfast:admin, as a whole word, makes an administrator', async () => {
  const judge = access({ secrets: [SECRET] })
  const scopes = [
    ['chat holdfast:admin', true],
    ['holdfast:administrator', false],
    ['Holdfast:Admin', false],
    [['holdfast:admin'], false],
  ] as const
  for (const [scope, expected] of scopes)
    assert.equal((await judge.verify(await token(SECRET, { scope }))).administrator, expected, String(scope))
})

test('[JWT5] a key set is fetched, its keys may change, and when it is away that is no fault of the token', async () => {
  const [old, next] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
  const jwk = async (key: KeyObject, kid: string) => ({ ...(await exportJWK(key)), kid, alg: 'EdDSA' })
  let keys: object[] = [await jwk(old.publicKey, 'old')]
  let isAway = true
  const server = createServer((_request, response) => {
    response.statusCode = isAway ? 500 : 200
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  try {
    const judge = access({ keySetUrl: `http://127.0.0.1:${port}/jwks.json` })
    const good = await token(old.privateKey, { alg: 'EdDSA', kid: 'old' })
    await assert.rejects(judge.verify(good), refuses('INTERNAL'))
    isAway = false
    assert.equal((await judge.verify(good)).user, 'alice')
    await assert.rejects(
      judge.verify(await token(next.privateKey, { alg: 'EdDSA', kid: 'old' })),
      refuses('UNAUTHENTICATED'),
    )
    await assert.rejects(judge.verify(await token(SECRET)), refuses('UNAUTHENTICATED'))
    keys = [await jwk(next.publicKey, 'next')]
    // A new process sees the new keys at once; this one within the age of its copy.
    const later = access({ keySetUrl: `http://127.0.0.1:${port}/jwks.json` })
    assert.equal((await later.verify(await token(next.privateKey, { alg: 'EdDSA', kid: 'next' }))).user, 'alice')
  } finally {
    server.close()
    server.closeAllConnections()
  }
})

test("[JWT6] the installation's own tokens are good whatever issuer and audience others must have", async () => {
  const clock = standing()
  const judge = access({ secrets: [SECRET], issuer: 'app', audience: 'chat' }, clock)
  const { token, expires } = await sign(OWN, clock, { user: 'ops', administrator: true, lifetimeMs: 90_500 })
  assert.equal(expires, NOW + 91_000)
  assert.deepEqual(await judge.verify(token), { user: 'ops', administrator: true, expires: expires + 30_000 })
  const foreign = await sign(new Uint8Array(32).fill(8), clock, {
    user: 'ops',
    administrator: true,
    lifetimeMs: 90_500,
  })
  await assert.rejects(judge.verify(foreign.token), refuses('UNAUTHENTICATED'))
})

test('[JWT7] a verified token is remembered within a bound, and forgotten when it ends', async () => {
  const clock = standing()
  const judge = access({ secrets: [SECRET], rememberedTokensMax: 2 }, clock)
  const tokens = await Promise.all(['a', 'b', 'c'].map((sub) => token(SECRET, { sub })))
  const [a = '', , c = ''] = tokens
  const first = await Promise.all(tokens.map((token) => judge.verify(token)))
  // The same object means that nothing was verified again; of three, the oldest had to go.
  assert.equal(await judge.verify(c), first[2])
  assert.notEqual(await judge.verify(a), first[0])
  assert.deepEqual(await judge.verify(a), first[0])
  clock.time += 11 * MINUTE_MS
  for (const token of tokens) await assert.rejects(judge.verify(token), refuses('TOKEN_EXPIRED'))
})

test('[JWT8] the secret is made once, private, whole, and the same for everybody', () => {
  using folder = temporaryFolder()
  const file = join(folder.path, SECRET_FILE)
  assert.equal(readSecret(folder.path), undefined)
  const secret = createSecret(folder.path)
  assert.equal(secret.byteLength, 32)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(createSecret(folder.path), secret)
  assert.deepEqual(readdirSync(folder.path), [SECRET_FILE])
  chmodSync(file, 0o644)
  assert.deepEqual(readSecret(folder.path), secret)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  writeFileSync(file, readFileSync(file, 'utf8').slice(0, 20))
  assert.throws(() => createSecret(folder.path), /damaged/)
})

// ---- whatever comes -----------------------------------------------------------------------------------------------------

/** The identity; undefined where the token was refused for what it is. */
async function judged(judge: JwtAccess, token: string) {
  try {
    return await judge.verify(token)
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    assert.match(error.code, /^(?:UNAUTHENTICATED|TOKEN_EXPIRED)$/)
    return undefined
  }
}

const encoded = (text: string) => Buffer.from(text).toString('base64url')

test('[JWT10] whoever alters a token, wherever, is refused for it, or says no more with it than before', async () => {
  const [ed, ec] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ec', { namedCurve: 'P-256' })]
  const publicKeys = [ed, ec].map(({ publicKey }, i) => ({ kid: `key-${i}`, pem: pem(publicKey) }))
  const judge = access({ secrets: [SECRET], publicKeys, rememberedTokensMax: 10 })
  const own = await sign(OWN, standing(), { user: 'ops', administrator: false, lifetimeMs: MINUTE_MS })
  const good = [
    await token(SECRET),
    await token(ed.privateKey, { alg: 'EdDSA', kid: 'key-0', sub: 'bob' }),
    await token(ec.privateKey, { alg: 'ES256', sub: 'carol' }),
    own.token,
  ]
  const identities = await Promise.all(good.map((token) => judge.verify(token)))
  const names = ['alg', 'kid', 'typ', 'crit', 'b64', 'zip', 'jwk', 'sub', 'exp', 'nbf', 'scope', '__proto__']
  const values = [
    'none',
    'HS256',
    'EdDSA',
    'ES256',
    'RS256',
    'key-0',
    'key-1',
    OWN_KEY,
    ADMINISTRATOR_SCOPE,
    'ops',
    ['b64'],
    1,
    9e9,
  ]
  const alteration = fc.oneof(
    fc.record({ at: fc.nat(400), cut: fc.nat(2), put: fc.string({ unit: 'binary', maxLength: 2 }) }),
    fc.record({ part: fc.nat(2), from: fc.nat(good.length - 1) }),
    fc.record({
      part: fc.nat(1),
      name: fc.constantFrom(...names),
      value: fc.oneof(fc.constantFrom(...values), fc.jsonValue({ maxDepth: 1 })),
    }),
    fc.record({
      part: fc.nat(2),
      put: fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.constantFrom('', '.', '=', '{}', 'null')),
    }),
  )
  const alter = (token: string, change: typeof alteration extends fc.Arbitrary<infer Value> ? Value : never) => {
    if ('at' in change)
      return `${token.slice(0, change.at % token.length)}${change.put}${token.slice((change.at % token.length) + change.cut)}`
    const parts = token.split('.')
    const part = parts[change.part] ?? ''
    if ('from' in change) parts[change.part] = good[change.from]?.split('.')[change.part] ?? ''
    else if ('put' in change) parts[change.part] = change.put
    else parts[change.part] = encoded(JSON.stringify({ ...jsonIn(part), [change.name]: change.value }))
    return parts.join('.')
  }
  await fc.assert(
    fc.asyncProperty(
      fc.nat(good.length - 1),
      fc.array(alteration, { minLength: 1, maxLength: 3 }),
      async (i, changes) => {
        const altered = changes.reduce(alter, good[i] ?? '')
        const identity = await judged(judge, altered)
        // A signature may be written in several ways, and what was exchanged may be the same: then nothing has changed.
        if (identity !== undefined) assert.ok(identities.some((known) => isDeepStrictEqual(known, identity)))
        if (identity !== undefined) assert.equal(altered.split('.').slice(0, 2).join('.'), said(good, identity.user))
      },
    ),
    { numRuns: 300 },
  )
})

/** The header and the claims of the good token of this user. */
function said(good: readonly string[], user: string): string | undefined {
  const heads = good.map((token) => token.split('.').slice(0, 2).join('.'))
  return heads.find((head) => jsonIn(head.split('.')[1] ?? '').sub === user)
}

function jsonIn(part: string): Claims {
  return claimsIn(Buffer.from(part, 'base64url').toString())
}

function claimsIn(payload: string): Claims {
  try {
    const value: unknown = JSON.parse(payload)
    return typeof value === 'object' && value !== null ? (value as Claims) : {}
  } catch {
    return {}
  }
}

test('[JWT11] whatever a well-signed token claims, who is let in has an id, an end and the scope it names; everybody else a reason', async () => {
  const clock = standing()
  const judge = access({ secrets: [SECRET], rememberedTokensMax: 10 }, clock)
  const now = NOW / 1_000
  const time = fc.oneof(
    fc.integer({ min: -40, max: 40 }).map((s) => now + s),
    fc.double({ min: -40, max: 40, noNaN: true }).map((s) => now + s),
    fc.double(),
    fc.constantFrom(1e300, -1, 'soon', null),
  )
  const claims = fc.record(
    {
      sub: fc.oneof(fc.string({ unit: 'binary', maxLength: 3 }), fc.constantFrom('al', 'a\u0000', '', 7, null, ['al'])),
      exp: time,
      nbf: time,
      iat: time,
      scope: fc.oneof(
        fc.constantFrom(ADMINISTRATOR_SCOPE, `a ${ADMINISTRATOR_SCOPE}`, `${ADMINISTRATOR_SCOPE}s`, [
          ADMINISTRATOR_SCOPE,
        ]),
        fc.jsonValue(),
      ),
    },
    { requiredKeys: ['sub', 'exp'] },
  )
  const payload = fc.oneof(
    { weight: 6, arbitrary: claims.map((value) => JSON.stringify(value)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('', 'null', '[]', '7', '{', '{"sub":"al","exp":1e999}', '{"sub":"al","exp":-1e999}'),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 9 }) },
  )
  await fc.assert(
    fc.asyncProperty(payload, async (payload) => {
      const head = `${encoded('{"alg":"HS256"}')}.${encoded(payload)}`
      const identity = await judged(judge, `${head}.${createHmac('sha256', SECRET).update(head).digest('base64url')}`)
      const { sub, exp, nbf = now, iat = now, scope } = claimsIn(payload)
      const isTimely = Number(exp) > now - 30 && Number(nbf) <= now + 30
      const areTimes = [exp, nbf, iat].every((time) => typeof time === 'number')
      const isGood = areTimes && isTimely && typeof sub === 'string' && isId(sub, 128)
      assert.equal(identity !== undefined, isGood)
      if (identity === undefined) return
      assert.equal(identity.user, sub)
      assert.ok(Number.isSafeInteger(identity.expires) && identity.expires > NOW, String(identity.expires))
      assert.equal(identity.administrator, typeof scope === 'string' && /(?:^| )holdfast:admin(?: |$)/.test(scope))
    }),
    { numRuns: 1_000 },
  )
})

// ---- admission -------------------------------------------------------------------------------------------------------

function userStore(put: UserStore['put']): UserStore {
  return { put, get: async () => undefined }
}

test('[JWT9] with users=auto a user is in the store before they are let in, once for each process', async () => {
  const clock = standing()
  const written: string[] = []
  let release: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const users = userStore(async (user, name, createdAt): Promise<UserDocument> => {
    written.push(user)
    await gate
    return { user, name, createdAt }
  })
  const admission = new Admission(access({ secrets: [SECRET] }, clock), new KnownUsers(users, 2), clock, 'auto')
  const alice = await token(SECRET)
  let admitted = 0
  const both = [alice, alice].map(async (token) => {
    await admission.admit(token)
    admitted += 1
  })
  await systemClock.sleep(20)
  assert.equal(admitted, 0)
  release()
  await Promise.all(both)
  await admission.admit(alice)
  assert.deepEqual(written, ['alice'])
  for (const sub of ['bob', 'carol']) await admission.admit(await token(SECRET, { sub }))
  await admission.admit(alice)
  assert.deepEqual(
    written,
    ['alice', 'bob', 'carol', 'alice'],
    'the set is bounded: who was forgotten is written again',
  )
})

test('[JWT9] with users=registered nobody is written; a store that fails is no fault of the token, and is asked again', async () => {
  const clock = standing()
  let isAway = true
  const users = userStore(async (user, name, createdAt) => {
    if (isAway) throw new Failure('transient', 'away')
    return { user, name, createdAt }
  })
  const known = new KnownUsers(users, 2)
  const judge = access({ secrets: [SECRET] }, clock)
  const alice = await token(SECRET)
  const registered = new Admission(judge, known, clock, 'registered')
  assert.equal((await registered.admit(alice)).user, 'alice')
  const auto = new Admission(judge, known, clock, 'auto')
  await assert.rejects(auto.admit(alice), refuses('STORE_UNAVAILABLE'))
  isAway = false
  assert.equal((await auto.admit(alice)).user, 'alice')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Client, connect, HoldfastError } from '@holdfast/client'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { entryId } from '../../src/core/identity.ts'
import type { FailpointName } from '../../src/ports/system.ts'
import { type ServerProcess, startServer, temporaryFolder, until } from '../support/server.ts'
import { portOf } from './conversation.ts'
import { type Letter, Operator } from './operator.ts'

const ROOM = 'lobby'
/** A member of the room whom nobody has registered: whatever they say waits, and then dies. */
const GHOST = 'ghost'
const SAID = ['boo', 'xin chào 👋', 'is anybody there?']
const SETTINGS = { HOLDFAST_USERS: 'registered', HOLDFAST_WORKER_LANE_WAIT_MS_MAX: '100' }

/**
 * The crash points between a death and its commit. Claim and letter are one transaction on SQLite: "claimed, but no letter" is a place
 * inside it, from which neither comes back, and "claimed, but not in the dead-letter log" is one that really stays.
 * The room is made by a command before, which passes the points of every write.
 */
const DEATHS: readonly Death[] = [
  { point: 'store:mid-write', visit: 2, what: 'claims written, but no letter', leaves: 'nothing' },
  { point: 'store:written', visit: 2, what: 'claims and letters written, but not committed', leaves: 'nothing' },
  { point: 'store:committed', visit: 2, what: 'claims and letters committed, and nobody knows', leaves: 'letters' },
  { point: 'dead-letter:before', visit: 1, what: 'claimed, but not in the dead-letter log', leaves: 'letters' },
  { point: 'dead-letter:after', visit: 1, what: 'in the dead-letter log, but nobody was told', leaves: 'records' },
  { point: 'feed:partial', visit: 2, what: 'half of the feed', leaves: 'records' },
]

interface Death {
  readonly point: FailpointName
  readonly visit: number
  readonly what: string
  /** What is durable when the process is gone: each of them means the ones before it too. */
  readonly leaves: 'nothing' | 'letters' | 'records'
}

for (const { point, visit, what, leaves } of DEATHS)
  test(`[OPS30] killed at ${point} (${what}): each command dies once, with one letter and one answer`, {
    timeout: 120_000,
  }, async () => {
    using folder = temporaryFolder()
    await using first = await start(folder.path, { HFTEST_FAILPOINT: `${point}=kill@${visit}` })
    const operator = await roomWithGhost(first)
    using ghost = await Ghost.of(first, operator)

    const told = ghost.say()
    assert.equal(await first.ended, 'SIGKILL', first.output())
    const id = idOf(0)
    assert.deepEqual(await operator.ends(ROOM, id), leaves === 'nothing' ? [] : ['dead'])
    assert.equal((await operator.deadLetterRecords()).has(id), leaves === 'records')
    await using second = await start(folder.path, { port: portOf(first) })

    await holdsOneDeathEach(operator, ghost, await told)
    operator.verify()
    assert.equal(await second.stop(), 0)
    operator.verify()
  })

test('[OPS30] killed as soon as its sender was told: each command dies once, with one letter and one answer', {
  timeout: 120_000,
}, async () => {
  using folder = temporaryFolder()
  await using first = await start(folder.path)
  const operator = await roomWithGhost(first)
  using ghost = await Ghost.of(first, operator)

  const told = await ghost.say()
  first.signal('SIGKILL')
  await first.ended
  await using second = await start(folder.path, { port: portOf(first) })

  await holdsOneDeathEach(operator, ghost, told)
  operator.verify()
  assert.equal(await second.stop(), 0)
  operator.verify()
})

/** Where a replay can be half done: every such place is before the letter is marked. */
const REPLAYS: readonly { readonly point: FailpointName; readonly what: string; readonly isAppended: boolean }[] = [
  { point: 'append:before', what: 'not in the log', isAppended: false },
  { point: 'append:after', what: 'in the log, but the reply is lost', isAppended: true },
  { point: 'replay:appended', what: 'in the log, and the letter still open', isAppended: true },
]

for (const { point, what, isAppended } of REPLAYS)
  test(`[OPS31] a replay killed at ${point} (${what}), twice, and repeated gives exactly one entry`, {
    timeout: 120_000,
  }, async () => {
    using folder = temporaryFolder()
    await using dying = await start(folder.path)
    const operator = await roomWithGhost(dying)
    using ghost = await Ghost.of(dying, operator)
    const told = await ghost.say()
    await operator.register(GHOST)
    const [letter, ...others] = await lettersOf(operator)
    assert.ok(letter !== undefined)
    assert.equal(await dying.stop(), 0)
    const port = portOf(dying)

    const { end } = await operator.commandsRange()
    for (let kills = 0; kills < 2; kills++) {
      await using server = await start(folder.path, { port, HFTEST_FAILPOINT: `${point}=kill` })
      await assert.rejects(operator.replay(letter.id))
      assert.equal(await server.ended, 'SIGKILL', server.output())
    }
    assert.equal((await operator.commandsRange()).end, isAppended ? end + 2 : end)
    await using last = await start(folder.path, { port })
    const isAnEntry = () => until('the replay is an entry', async () => (await operator.texts(ROOM)).length > 0)
    // Appended first, marked second: what is in the log needs nobody to ask for it again.
    if (isAppended) await isAnEntry()
    const replayed = await operator.replay(letter.id)
    assert.equal(replayed.status, 202, JSON.stringify(replayed.body))
    await isAnEntry()
    assert.deepEqual(await operator.texts(ROOM), [SAID[0]])

    // However often it is repeated, also all at once with itself and with the others.
    const all = [letter, ...others, letter, ...others]
    for (const { status } of await Promise.all(all.map(({ id }) => operator.replay(id)))) assert.equal(status, 202)
    assert.deepEqual((await operator.replay(letter.id)).body, replayed.body)
    // Behind all of them in the log, so that each has its end by then.
    const after = await operator.say(ROOM, GHOST, 'after', 'here I am')
    assert.equal(after.status, 201, JSON.stringify(after.body))
    assert.deepEqual([...(await operator.texts(ROOM))].sort(), [...SAID, 'here I am'].sort())
    assert.deepEqual(
      (await lettersOf(operator)).map(({ state }) => state),
      SAID.map(() => 'replayed'),
    )
    // The original keeps its answer (R7): who resends it must not be told of an entry that has another id.
    assert.deepEqual(await ghost.say(), told)
    operator.verify()
    assert.equal(await last.stop(), 0)
    operator.verify()
  })

/** One claim, one letter, at least one record for other tools, and the same answer whoever asks, whenever and how. */
async function holdsOneDeathEach(operator: Operator, ghost: Ghost, told: readonly Told[]): Promise<void> {
  const [{ message } = { message: '' }] = told
  assert.match(message, /ghost was not registered in time/)
  assert.deepEqual(
    told,
    SAID.map(() => ({ outcome: 'dead', code: 'SENDER_UNKNOWN', message })),
  )
  assert.deepEqual(await ghost.say(), told)
  for (const [i, text] of SAID.entries()) {
    const { status, body } = await operator.say(ROOM, GHOST, clientIdOf(i), text)
    assert.deepEqual([status, body.code, body.message], [422, 'SENDER_UNKNOWN', message])
  }

  const letters = await lettersOf(operator)
  assert.deepEqual(
    letters.map(({ sender, room, state }) => [sender, room, state]),
    SAID.map(() => [GHOST, ROOM, 'open']),
  )
  const records = await operator.deadLetterRecords()
  assert.deepEqual([...records.keys()].sort(), letters.map(({ id }) => id).sort())
  for (const { id } of letters) assert.deepEqual(await operator.ends(ROOM, id), ['dead'])

  // Nobody else was held up, and nothing of it is in history.
  const said = await operator.say(ROOM, 'the operator', 'hello', 'hello')
  assert.equal(said.status, 201, JSON.stringify(said.body))
  assert.deepEqual(await operator.texts(ROOM), ['hello'])
}

/** The letters of what was said, in that order; and that there are no others. */
async function lettersOf(operator: Operator): Promise<readonly Letter[]> {
  const letters = await operator.letters()
  assert.equal(letters.length, SAID.length)
  return SAID.map((_, i) => {
    const letter = letters.find(({ id }) => id === idOf(i))
    assert.ok(letter !== undefined, `no letter for ${clientIdOf(i)}`)
    return letter
  })
}

function clientIdOf(said: number): string {
  return `said-${said}`
}

function idOf(said: number): string {
  return entryId(sha256, ROOM, GHOST, clientIdOf(said))
}

function start(
  data: string,
  { port = 0, ...env }: { readonly port?: number; readonly HFTEST_FAILPOINT?: string } = {},
): Promise<ServerProcess> {
  return startServer({ data, port, env: { ...SETTINGS, ...env } })
}

async function roomWithGhost(server: ServerProcess): Promise<Operator> {
  const operator = await Operator.of(server)
  await operator.createRoom(ROOM, [GHOST])
  return operator
}

/** What the sender of a command hears of its end. */
interface Told {
  readonly outcome: string | undefined
  readonly code: string
  readonly message: string
}

/** The ghost at their SDK, which sends again by itself what has no end when the connection is lost. */
class Ghost {
  readonly #client: Client
  #isAgain = false

  private constructor(client: Client) {
    this.#client = client
  }

  static async of({ url }: ServerProcess, operator: Operator): Promise<Ghost> {
    const token = await operator.token(GHOST)
    const client = connect({ url, getToken: () => token, settings: { backoffMsMax: 200 } })
    await client.ready()
    return new Ghost(client)
  }

  /** Says everything, at once and always under the same ids. Resolves with what came of each. */
  async say(): Promise<readonly Told[]> {
    const again = this.#isAgain
    this.#isAgain = true
    const room = this.#client.room(ROOM)
    return Promise.all(
      SAID.map((text, i) =>
        room.send(text, { clientId: clientIdOf(i), again }).then(
          ({ seq }) => ({ outcome: 'stored', code: '', message: `as ${seq}` }),
          (error) => {
            assert.ok(error instanceof HoldfastError)
            const { outcome, code, message } = error
            return { outcome, code, message }
          },
        ),
      ),
    )
  }

  [Symbol.dispose](): void {
    this.#client.close()
  }
}

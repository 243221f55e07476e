import assert from 'node:assert/strict'
import { type Client, connect, HoldfastError } from '@holdfast/client'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { entryId } from '../../src/core/identity.ts'
import type { ServerProcess } from '../support/server.ts'
import { type Answer, type Installation, type Letter, Operator } from './operator.ts'

export const ROOM = 'lobby'
/** A member of the room whom nobody has registered: whatever they say waits, and then dies. */
export const GHOST = 'ghost'
export const SAID = ['boo', 'xin chào 👋', 'is anybody there?']
export const SETTINGS = { HOLDFAST_USERS: 'registered', HOLDFAST_WORKER_LANE_WAIT_MS_MAX: '100' }

/** One claim, one letter, at least one record for other tools, and the same answer whoever asks, whenever and how. */
export async function holdsOneDeathEach(operator: Operator, ghost: Ghost, told: readonly Told[]): Promise<void> {
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

/** However often a replay that was answered like this is repeated, also all at once with itself and with the others: one entry each. */
export async function isReplayedOnce(
  operator: Operator,
  ghost: Ghost,
  told: readonly Told[],
  replayed: Answer,
): Promise<void> {
  const letters = await lettersOf(operator)
  const [letter] = letters
  assert.ok(letter !== undefined)
  const all = [...letters, ...letters]
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
}

/** The letters of what was said, in that order; and that there are no others. */
export async function lettersOf(operator: Operator): Promise<readonly Letter[]> {
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

export function idOf(said: number): string {
  return entryId(sha256, ROOM, GHOST, clientIdOf(said))
}

export async function roomWithGhost(server: ServerProcess, installation?: Installation): Promise<Operator> {
  const operator = await Operator.of(server, installation)
  await operator.createRoom(ROOM, [GHOST])
  return operator
}

/** What the sender of a command hears of its end. */
export interface Told {
  readonly outcome: string | undefined
  readonly code: string
  readonly message: string
}

/** The ghost at their SDK, which sends again by itself what has no end when the connection is lost. */
export class Ghost {
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

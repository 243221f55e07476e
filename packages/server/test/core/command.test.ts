import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isId, isText, LIMITS, utf8Length } from '@holdfast/protocol'
import fc from 'fast-check'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import {
  brokenLimit,
  type Command,
  type CommandParts,
  command,
  decodeCommand,
  encodeCommand,
} from '../../src/core/command.ts'
import { claimSeq, directRoomId, entryId, partitionOf, replayId } from '../../src/core/identity.ts'

/** Few characters, so that the parts of two commands are often alike, in another order or cut elsewhere. */
const ID = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '1', ':', '2:', '~'), minLength: 1, maxLength: 4 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }),
  fc.uuid({ version: 7 }),
)
/** As JSON gives objects. */
const PLAIN = { noNullPrototype: true } as const
const TEXT = fc.oneof(ID, fc.string({ unit: 'grapheme', maxLength: 20 }))
const MEMBERS = fc.array(ID, { maxLength: 4 })
const CONTENT: fc.Arbitrary<Command['content']> = fc.oneof(
  fc.record({ kind: fc.constant('message' as const), text: TEXT }, PLAIN),
  fc.record({ kind: fc.constantFrom('member_added' as const, 'member_removed' as const), user: ID }, PLAIN),
  fc.record(
    {
      kind: fc.constant('room_created' as const),
      roomKind: fc.constantFrom('direct' as const, 'group' as const),
      name: TEXT.filter((name) => name !== ''),
      members: MEMBERS,
    },
    { ...PLAIN, requiredKeys: ['kind', 'roomKind', 'members'] },
  ) as fc.Arbitrary<Command['content']>,
)
const PARTS: fc.Arbitrary<CommandParts> = fc.record(
  {
    room: ID,
    sender: ID,
    clientId: ID,
    authority: fc.constantFrom('member', 'administrator'),
    at: fc.option(fc.nat(20), { nil: undefined }),
    content: CONTENT,
    replay: fc.nat(2),
  },
  PLAIN,
)

const decoded = ({ key, value }: { key: string; value: Uint8Array }) => decodeCommand(sha256, { key, value })
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

test('[CMD1] the record of a command gives it back, with its id and digest', () => {
  fc.assert(
    fc.property(PARTS, fc.boolean(), (parts, isSenderKnown) => {
      const read = decoded(encodeCommand(parts, isSenderKnown))
      assert.deepEqual(read, { result: 'command', command: command(sha256, parts), isSenderKnown })
    }),
    { numRuns: 500 },
  )
})

test('[CMD2] the id is room, sender, client id and which replay it is, and nothing else: none of another command is the same', () => {
  const identity = ({ room, sender, clientId, replay }: CommandParts) =>
    JSON.stringify([room, sender, clientId, replay])
  const fields = ['room', 'sender', 'clientId', 'replay'] as const
  const halfShared = fc.tuple(PARTS, PARTS, fc.subarray([...fields])).map(([one, other, shared]) => {
    return [one, { ...other, ...Object.fromEntries(shared.map((name) => [name, one[name]])) }] as const
  })
  // One run of letters, cut in two ways.
  const cuts = fc
    .tuple(PARTS, ID, ID, fc.boolean(), fc.nat(8), fc.nat(8))
    .map(([parts, head, tail, isFirst, ...at]) => {
      const run = `${head}${tail}`
      const [one, other] = at.map((i) => {
        const [left, right] = [run.slice(0, i), run.slice(i)]
        return { ...parts, ...(isFirst ? { room: left, sender: right } : { sender: left, clientId: right }) }
      })
      return [one ?? parts, other ?? parts] as const
    })
  fc.assert(
    fc.property(fc.oneof(halfShared, cuts), ([one, other]) => {
      const [id, otherId] = [command(sha256, one).id, command(sha256, other).id]
      assert.equal(id === otherId, identity(one) === identity(other), `${id} ${otherId}`)
      assert.match(id, /^[0-9a-hjkmnp-tv-z]{26}(?:~[1-9])?$/)
    }),
    { numRuns: 1_000 },
  )
})

test('[CMD2] ids of UUIDv7s stand in the order of their time, whoever made them', () => {
  const time = fc.oneof(fc.nat(2 ** 31 - 1), fc.nat(300), fc.nat(2 ** 17)).map((ms) => 0x0123_4567_89ab + ms)
  const made = fc.record({ time, uuid: fc.uuid({ version: 7 }), room: ID, sender: ID, isUpper: fc.boolean() })
  fc.assert(
    fc.property(fc.array(made, { maxLength: 8 }), (all) => {
      const ids = all.map(({ time, uuid, room, sender, isUpper }) => {
        const hex = time.toString(16).padStart(12, '0')
        const clientId = `${hex.slice(0, 8)}-${hex.slice(8)}${uuid.slice(13)}`
        return { time, id: entryId(sha256, room, sender, isUpper ? clientId.toUpperCase() : clientId) }
      })
      const byId = ids.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(({ time }) => time)
      assert.deepEqual(
        byId,
        all.map(({ time }) => time).sort((a, b) => a - b),
      )
    }),
    { numRuns: 300 },
  )
})

test('[CMD3] the digest is the content and its time: the same in whichever order members are named, another for any other', () => {
  const content = ({ content, at }: CommandParts) =>
    JSON.stringify([at ?? null, 'members' in content ? { ...content, members: content.members.toSorted() } : content])
  const sorted = (parts: CommandParts) => content({ ...parts, content: inOrder(parts.content) })
  fc.assert(
    fc.property(PARTS, PARTS, fc.boolean(), fc.boolean(), (one, other, isSameContent, isSameTime) => {
      const said = isSameContent ? shuffled(one.content) : other.content
      const second = { ...other, content: said, at: isSameTime ? one.at : other.at }
      const isSame = command(sha256, one).digest === command(sha256, second).digest
      assert.equal(isSame, sorted(one) === sorted(second))
    }),
    { numRuns: 1_000 },
  )
})

/** The fields of an object in the order of their names. */
function inOrder<Value extends object>(value: Value): Value {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) as Value
}

/** The same content written in another order. */
function shuffled(content: Command['content']): Command['content'] {
  const reversed = Object.fromEntries(Object.entries(content).reverse()) as Command['content']
  return 'members' in reversed ? { ...reversed, members: [...reversed.members].reverse() } : reversed
}

test('[CMD4] whatever a record holds, it is a command of its own room, one of a newer build, or said to be none', () => {
  const field = fc.constantFrom(
    'v',
    'room',
    'sender',
    'clientId',
    'authority',
    'at',
    'content',
    'replay',
    'kind',
    'members',
  )
  const spoilt = fc.tuple(PARTS, field, fc.jsonValue({ maxDepth: 1 })).map(([parts, name, value]) => {
    const { key, value: written } = encodeCommand(parts)
    const json = JSON.parse(new TextDecoder().decode(written))
    const target = name === 'kind' || name === 'members' ? json.content : json
    target[name] = value
    return { key, value: bytes(json) }
  })
  const cut = fc.tuple(PARTS, fc.nat(200), fc.nat(255)).map(([parts, at, byte]) => {
    const { key, value } = encodeCommand(parts)
    const copy = value.slice()
    copy[at % copy.length] = byte
    return { key, value: copy }
  })
  const foreign = fc.record({ key: ID, value: fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.jsonValue().map(bytes)) })
  fc.assert(
    fc.property(fc.oneof(spoilt, cut, foreign), (record) => {
      const read = decoded(record)
      if (read.result === 'newer') assert.ok(Number.isSafeInteger(read.version) && read.version > 1)
      else if (read.result === 'undecodable') assert.notEqual(read.reason, '')
      else {
        assert.equal(read.command.room, record.key)
        // What was understood is what would be written.
        const { id, digest, ...parts } = read.command
        assert.ok([parts.at ?? 0, parts.replay].every((number) => Number.isSafeInteger(number) && number >= 0))
        for (const text of [id, digest, parts.sender, parts.clientId]) assert.equal(typeof text, 'string')
        assert.deepEqual(decoded(encodeCommand(parts)), read)
      }
    }),
    { numRuns: 1_000 },
  )
})

test('[CMD5] an id is 1 to 128 bytes of valid Unicode without control characters, a text the same in 8,192; nothing else gets past', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 3 }),
    fc.constantFrom('\u0000', '\n', '\u007f', '\u009f', '\u00a0', '\ud800', '\udc00', '𝒳', '!'),
  )
  const long = fc.tuple(piece, fc.integer({ min: 0, max: 130 })).map(([text, times]) => text.repeat(times))
  const name = fc.oneof(
    fc.array(piece, { maxLength: 3 }).map((pieces) => pieces.join('')),
    long,
  )
  fc.assert(
    fc.property(name, fc.nat(8_300), (id, times) => {
      const length = Buffer.byteLength(id)
      const isValid = length > 0 && length <= 128 && id.isWellFormed() && !/\p{Cc}/u.test(id)
      if (id.isWellFormed()) assert.equal(utf8Length(id), length)
      assert.equal(isId(id, LIMITS.idBytesMax), isValid)
      const parts = { authority: 'member', at: undefined, replay: 0 } as const
      const refusal = (room: string, sender: string, clientId: string, text: string) =>
        brokenLimit(sha256, { ...parts, room, sender, clientId, content: { kind: 'message', text } })?.code
      assert.equal(refusal(id, 'a', 'a', 'a'), isValid && !id.startsWith('!') ? undefined : 'BAD_FRAME')
      assert.equal(refusal('a', id, 'a', 'a'), isValid ? undefined : 'BAD_FRAME')
      assert.equal(refusal('a', 'a', id, 'a'), isValid ? undefined : 'BAD_FRAME')
      const text = id.repeat(Math.ceil(times / Math.max(1, id.length)))
      const isSaid = text !== '' && text.isWellFormed() && Buffer.byteLength(text) <= 8_192
      assert.equal(isText(text, LIMITS.textBytesMax), isSaid)
      assert.equal(refusal('a', 'a', 'a', text) === undefined, isSaid)
    }),
    { numRuns: 1_000 },
  )
})

test('[CMD6] what is derived from ids is their function: a replay, a claim, a direct room, a partition', () => {
  fc.assert(
    fc.property(ID, ID, ID, fc.integer({ min: 1, max: 256 }), (one, other, third, partitions) => {
      assert.equal(directRoomId(sha256, one, other), directRoomId(sha256, other, one))
      assert.equal(directRoomId(sha256, one, other) === directRoomId(sha256, one, third), other === third)
      const id = entryId(sha256, one, other, third)
      assert.equal(new Set([0, 1, 2].map((n) => replayId(id, n))).size, 3)
      const seq = claimSeq(sha256, id)
      assert.ok(Number.isSafeInteger(seq) && seq < 0 && seq >= -(2 ** 52))
      const partition = partitionOf(one, partitions)
      assert.ok(Number.isInteger(partition) && partition >= 0 && partition < partitions)
      assert.equal(partition, partitionOf(one, partitions))
    }),
  )
})

/** What the schemas of frames and of HTTP bodies are made of. */
import Type, { type TProperties } from 'typebox'
import { LIMITS } from './limits.ts'
import { isId, isText } from './text.ts'

export function id(description: string) {
  return Type.Refine(
    Type.String({ description: `${description} 1 to ${LIMITS.idBytesMax} bytes, no control characters.` }),
    (value) => isId(value, LIMITS.idBytesMax),
    () => `must be 1 to ${LIMITS.idBytesMax} bytes of valid Unicode without control characters`,
  )
}

export function text(description: string, bytesMax: number) {
  return Type.Refine(
    Type.String({ description: `${description} 1 to ${bytesMax} bytes.` }),
    (value) => isText(value, bytesMax),
    () => `must be 1 to ${bytesMax} bytes of valid Unicode`,
  )
}

/** An object that refuses fields it does not know: a misspelt one must not be ignored silently. */
export function closed<Properties extends TProperties>(properties: Properties, options: { description?: string } = {}) {
  return Type.Object(properties, { ...options, additionalProperties: false })
}

/** What the server says may gain fields: readers ignore what they do not know. */
export function open<Properties extends TProperties>(properties: Properties, options: { description?: string } = {}) {
  return Type.Object(properties, options)
}

export const RoomId = id('A room. Must not begin with "!".')
export const UserId = id('A user: the `sub` of the token.')
export const ClientId = id("The command's identity for life, made by its sender: sending it again changes nothing.")
export const Name = text('A name for people.', LIMITS.nameBytesMax)
export const Text = text('What is said.', LIMITS.textBytesMax)
export const Seq = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'A place in the timeline: 1, 2, 3 …, without gaps; 0 is before the first.',
})
export const Epoch = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: "The history's epoch: it changes only when history was restored from a backup or lost.",
})
export const At = Type.Integer({
  minimum: 0,
  maximum: 8_640_000_000_000_000,
  description: 'Milliseconds since 1970-01-01T00:00:00Z.',
})
export const EntryId = Type.String({ description: "The entry's id: a hash of room, sender and client id." })
export const Members = Type.Array(UserId, {
  maxItems: LIMITS.membersPerCommandMax,
  description: 'Who else is a member from the start, known to the server or not.',
})
export const RoomKindSchema = Type.Union([Type.Literal('direct'), Type.Literal('group')])
export const DurabilitySchema = Type.Union(
  [Type.Literal('memory'), Type.Literal('process'), Type.Literal('fsync'), Type.Literal('replicated')],
  {
    description:
      'What it survives: nothing, a crash of the process, a power loss of the machine, the loss of a machine.',
  },
)
const entryHead = { seq: Seq, id: EntryId, sender: UserId, at: At }

/** One line of a timeline. Readers pass kinds they do not know through. */
export const EntrySchema = Type.Union([
  open({ ...entryHead, kind: Type.Literal('message'), text: Text }),
  open({
    ...entryHead,
    kind: Type.Literal('room_created'),
    roomKind: RoomKindSchema,
    name: Type.Optional(Name),
    members: Type.Array(UserId),
  }),
  open({ ...entryHead, kind: Type.Literal('member_added'), user: UserId }),
  open({ ...entryHead, kind: Type.Literal('member_removed'), user: UserId }),
])

/** What a room is, for people: the same in a push and over HTTP. */
export const RoomAboutSchema = open({
  kind: RoomKindSchema,
  name: Type.Optional(Name),
  owner: UserId,
  pair: Type.Optional(Type.Array(UserId, { description: 'The two members of a direct room.' })),
  memberCount: Type.Integer({ minimum: 0 }),
})

/**
 * The single source of the protocol: what a frame or an HTTP body may look like, its TypeScript type and its documentation.
 * It needs TypeBox, so it is for servers and tools; a browser takes types and constants from `@holdfast/protocol`.
 */
import Type, { type Static, type TObject, type TProperties, type TSchema } from 'typebox'
import { LIMITS } from './limits.ts'
import { isId, isText } from './text.ts'

// ---- pieces ----------------------------------------------------------------------------------------------------------

function id(description: string) {
  return Type.Refine(
    Type.String({ description: `${description} 1 to ${LIMITS.idBytesMax} bytes, no control characters.` }),
    (value) => isId(value, LIMITS.idBytesMax),
    () => `must be 1 to ${LIMITS.idBytesMax} bytes of valid Unicode without control characters`,
  )
}

function text(description: string, bytesMax: number) {
  return Type.Refine(
    Type.String({ description: `${description} 1 to ${bytesMax} bytes.` }),
    (value) => isText(value, bytesMax),
    () => `must be 1 to ${bytesMax} bytes of valid Unicode`,
  )
}

/** An object that refuses fields it does not know: a misspelt one must not be ignored silently. */
function closed<Properties extends TProperties>(properties: Properties, options: { description?: string } = {}) {
  return Type.Object(properties, { ...options, additionalProperties: false })
}

/** What the server says may gain fields: readers ignore what they do not know. */
function open<Properties extends TProperties>(properties: Properties, options: { description?: string } = {}) {
  return Type.Object(properties, options)
}

export const RoomId = id('A room. Must not begin with "!".')
export const UserId = id('A user: the `sub` of the token.')
export const ClientId = id("The command's identity for life, made by its sender: sending it again changes nothing.")
const Name = text('A name for people.', LIMITS.nameBytesMax)
const Text = text('What is said.', LIMITS.textBytesMax)
const Token = text('A JSON Web Token.', LIMITS.tokenBytesMax)
const Ref = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'The correlation number: chosen by the client, echoed by every reply to this request.',
})
const Seq = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'A place in the timeline: 1, 2, 3 …, without gaps; 0 is before the first.',
})
const Epoch = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: "The history's epoch: it changes only when history was restored from a backup or lost.",
})
const At = Type.Integer({
  minimum: 0,
  maximum: 8_640_000_000_000_000,
  description: 'Milliseconds since 1970-01-01T00:00:00Z.',
})
const EntryId = Type.String({ description: "The entry's id: a hash of room, sender and client id." })
const Limit = Type.Integer({
  minimum: 1,
  maximum: LIMITS.pageEntriesMax,
  description: `At most this many entries; ${LIMITS.pageEntriesDefault} by default.`,
})
const Members = Type.Array(UserId, {
  maxItems: LIMITS.membersPerCommandMax,
  description: 'Who else is a member from the start, known to the server or not.',
})
const RoomKind = Type.Union([Type.Literal('direct'), Type.Literal('group')])
const Generation = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description:
    'The number of this room on this connection: 0 until an error names a higher one. Commands under another number are refused, so that none overtakes an earlier one that failed.',
})
const Again = Type.Literal(true, { description: 'This command was sent before: look for its outcome first.' })
export const DurabilitySchema = Type.Union(
  [Type.Literal('memory'), Type.Literal('process'), Type.Literal('fsync'), Type.Literal('replicated')],
  {
    description:
      'What it survives: nothing, a crash of the process, a power loss of the machine, the loss of a machine.',
  },
)
const Place = closed(
  { room: RoomId, epoch: Epoch, seq: Seq },
  { description: 'A position: the end of what the client has without a hole.' },
)

// ---- entries: what a timeline holds -----------------------------------------------------------------------------------

const entryHead = { seq: Seq, id: EntryId, sender: UserId, at: At }

/** One line of a timeline. Readers pass kinds they do not know through. */
export const EntrySchema = Type.Union([
  open({ ...entryHead, kind: Type.Literal('message'), text: Text }),
  open({
    ...entryHead,
    kind: Type.Literal('room_created'),
    roomKind: RoomKind,
    name: Type.Optional(Name),
    members: Type.Array(UserId),
  }),
  open({ ...entryHead, kind: Type.Literal('member_added'), user: UserId }),
  open({ ...entryHead, kind: Type.Literal('member_removed'), user: UserId }),
])

/** What a room is, for people: the same in a push and over HTTP. */
export const RoomAboutSchema = open({
  kind: RoomKind,
  name: Type.Optional(Name),
  owner: UserId,
  pair: Type.Optional(Type.Array(UserId, { description: 'The two members of a direct room.' })),
  memberCount: Type.Integer({ minimum: 0 }),
})

// ---- client → server --------------------------------------------------------------------------------------------------

const command = { ref: Ref, clientId: ClientId, generation: Type.Optional(Generation), again: Type.Optional(Again) }

/** Every frame a client may send, by type. */
export const REQUESTS = {
  authenticate: closed(
    {
      type: Type.Literal('authenticate'),
      ref: Ref,
      token: Token,
      resume: Type.Optional(
        Type.Array(Place, { maxItems: LIMITS.resumeRoomsMax, description: 'Where the client is in rooms it knows.' }),
      ),
    },
    { description: 'The first frame of every connection. Answered by `hello`; every room of the user is then opened.' },
  ),
  refresh: closed(
    { type: Type.Literal('refresh'), ref: Ref, token: Token },
    { description: 'A newer token of the same user, before the old one expires. Answered by `refreshed`.' },
  ),
  send: closed(
    { type: Type.Literal('send'), ...command, room: RoomId, text: Text },
    {
      description:
        'Say something in a room. Answered by `accepted`, then by `stored`, `refused` or `dead`; or by `error`.',
    },
  ),
  create_room: closed(
    {
      type: Type.Literal('create_room'),
      ...command,
      room: Type.Optional(RoomId),
      kind: RoomKind,
      name: Type.Optional(Name),
      members: Members,
    },
    {
      description:
        'Create a room; its creator owns it. A direct room has one other member, no name, and an id made from the pair. Without `room`, a group gets an id made from creator and clientId.',
    },
  ),
  add_member: closed(
    { type: Type.Literal('add_member'), ...command, room: RoomId, user: UserId },
    { description: "Add somebody to a group: the owner's right." },
  ),
  remove_member: closed(
    { type: Type.Literal('remove_member'), ...command, room: RoomId, user: UserId },
    { description: "Remove somebody from a group: the owner's right; anybody but the owner may remove themselves." },
  ),
  subscribe: closed(
    { type: Type.Literal('subscribe'), ref: Ref, room: RoomId, epoch: Type.Optional(Epoch), seq: Type.Optional(Seq) },
    {
      description:
        'Open a room again, from a position (`epoch` and `seq`) or from its head. Answered by `subscribed`, then `joined` or `resumed`.',
    },
  ),
  page: closed(
    {
      type: Type.Literal('page'),
      ref: Ref,
      room: RoomId,
      before: Type.Optional(Seq),
      after: Type.Optional(Seq),
      limit: Type.Optional(Limit),
    },
    {
      description:
        'A piece of history, ascending; `before` and `after` are exclusive. With `after` the oldest entries behind it, else the newest. Answered by `page`.',
    },
  ),
} as const

// ---- server → client --------------------------------------------------------------------------------------------------

const end = { ref: Ref, room: RoomId, id: EntryId }
const failure = {
  code: Type.String({ description: 'One of the error codes.' }),
  message: Type.String({ description: 'A sentence for people.' }),
}

/** Every reply: it echoes the `ref` of its request. */
export const REPLIES = {
  hello: open(
    {
      type: Type.Literal('hello'),
      ref: Ref,
      user: UserId,
      durability: DurabilitySchema,
      expires: At,
      now: At,
    },
    {
      description:
        "You are signed in. `durability` is what `accepted` means here; `expires` is when the token does; `now` is the server's clock.",
    },
  ),
  refreshed: open({ type: Type.Literal('refreshed'), ref: Ref, expires: At }),
  accepted: open(
    { type: Type.Literal('accepted'), ...end, durability: DurabilitySchema },
    {
      description:
        'The command is durable in the log. It counts on this connection only: after a reconnect, send it `again` until it has an end.',
    },
  ),
  stored: open(
    {
      type: Type.Literal('stored'),
      ...end,
      epoch: Epoch,
      seq: Seq,
      at: At,
      duplicate: Type.Boolean({ description: 'This command had been stored before it was sent this time.' }),
    },
    { description: 'An end: the entry is durable, at this place.' },
  ),
  refused: open(
    { type: Type.Literal('refused'), ...end, ...failure },
    {
      description:
        "An end: a rule's final answer. ALREADY means that what was asked for is so, and counts as a success without a place.",
    },
  ),
  dead: open(
    { type: Type.Literal('dead'), ...end, ...failure },
    { description: 'An end: it could not be processed; the operator has it as a dead letter.' },
  ),
  subscribed: open({ type: Type.Literal('subscribed'), ref: Ref, room: RoomId }),
  page: open({
    type: Type.Literal('page'),
    ref: Ref,
    room: RoomId,
    epoch: Epoch,
    head: Seq,
    entries: Type.Array(EntrySchema),
  }),
  error: open(
    {
      type: Type.Literal('error'),
      ref: Type.Union([Ref, Type.Null()], { description: 'null when the frame could not be read so far.' }),
      ...failure,
      retryable: Type.Boolean(),
      retryAfterMs: Type.Optional(Type.Integer({ minimum: 0 })),
      appended: Type.Optional(
        Type.Boolean({
          description:
            'For a command: false when it is certain that this try was not appended, true when it may have been.',
        }),
      ),
      generation: Type.Optional(Generation),
    },
    {
      description:
        'The request failed. For a command, `generation` is the number under which to send every unaccepted command of the room again, oldest first.',
    },
  ),
} as const

/** Every push: what a client hears without having asked. */
export const PUSHES = {
  joined: open(
    { type: Type.Literal('joined'), room: RoomId, epoch: Epoch, head: Seq, about: RoomAboutSchema },
    { description: 'This room is open; its next push is head + 1. What is below is history to page.' },
  ),
  resumed: open(
    {
      type: Type.Literal('resumed'),
      room: RoomId,
      epoch: Epoch,
      seq: Seq,
      recovered: Type.Boolean(),
      about: RoomAboutSchema,
    },
    {
      description:
        'This room goes on after `seq`. `recovered: false`: history was restored or lost, so drop what you have of this room and page what is up to `seq`.',
    },
  ),
  left: open(
    { type: Type.Literal('left'), room: RoomId },
    { description: 'You are not a member of this room (any more).' },
  ),
  entry: open({ type: Type.Literal('entry'), room: RoomId, epoch: Epoch, entry: EntrySchema }),
  gap: open(
    { type: Type.Literal('gap'), room: RoomId, epoch: Epoch, from: Seq, to: Seq },
    {
      description:
        'The entries from..to (inclusive) are not pushed: page them. They never hold a change of your own membership.',
    },
  ),
  ready: open(
    { type: Type.Literal('ready') },
    { description: 'Every room that was yours at `hello` has been opened.' },
  ),
} as const

// ---- HTTP -------------------------------------------------------------------------------------------------------------

const authorship = {
  sender: Type.Optional(id('Who says it, where it is not the caller: for administrators.')),
  at: Type.Optional(
    Type.Union([At, Type.String()], {
      description:
        'When it happened: milliseconds since 1970, or an ISO 8601 instant with its offset. For administrators; by default now.',
    }),
  ),
}

/** The bodies of requests. One whose fields are all optional may be left out. */
export const BODIES = {
  putUser: closed({ name: Type.Optional(Name) }),
  createRoom: closed({
    room: Type.Optional(RoomId),
    kind: RoomKind,
    name: Type.Optional(Name),
    members: Type.Optional(Members),
    clientId: Type.Optional(ClientId),
    ...authorship,
  }),
  sendMessage: closed({ clientId: ClientId, text: Text, ...authorship }),
  signIn: closed({ user: UserId }),
} as const

const CommandId = Type.String({
  description: 'The id of the command, and of the entry it becomes: a hash of room, sender and client id.',
})
const Duplicate = Type.Boolean({ description: 'It had been stored before it was sent this time.' })
const Count = Type.Integer({ minimum: 0 })

const accepted = { id: CommandId, durability: DurabilitySchema }
const stored = { id: CommandId, seq: Seq, at: At, duplicate: Duplicate }
const already = { id: CommandId, code: Type.Literal('ALREADY') }
const inRoom = { room: RoomId }
const ofMember = { room: RoomId, user: UserId }

const ACCEPTED = 'It is durable in the log; what comes of it is not known yet.'
const STORED = 'It is in the timeline, at this place.'
const SO = 'It is so already: nothing was changed.'

function said<Properties extends TProperties>(description: string, properties: Properties) {
  return open(properties, { description })
}

function orNull<Schema extends TSchema>(schema: Schema, description: string) {
  return Type.Union([schema, Type.Null()], { description })
}

const Role = Type.Union([Type.Literal('owner'), Type.Literal('member')])
const Head = Type.Integer({ minimum: 0, description: 'The seq of its last entry.' })
const room = { ...inRoom, ...RoomAboutSchema.properties, createdAt: At }

const letter = {
  id: Type.String({
    description: 'The id of the command; where the record could not be decoded, one made of its place in the log.',
  }),
  room: orNull(RoomId, 'null where the record could not be decoded.'),
  sender: orNull(UserId, 'null where the record could not be decoded.'),
  class: Type.Union([Type.Literal('poison'), Type.Literal('expired'), Type.Literal('unknown')], {
    description: 'What it died of: it can never be stored; what it waited for did not come; nobody knows.',
  }),
  code: Type.String({ description: 'One of the error codes, as its sender was told.' }),
  reason: Type.String({ description: 'A sentence for the operator.' }),
  attempts: Count,
  firstFailedAt: At,
  origin: open(
    { log: Type.String(), partition: Count, offset: Count, timestamp: At },
    { description: 'Where the record stands.' },
  ),
  worker: Type.String({ description: 'Who gave it up: host and process.' }),
  build: Type.String(),
  state: Type.Union([Type.Literal('open'), Type.Literal('replayed'), Type.Literal('discarded')]),
  stateAt: orNull(At, 'null while it is open.'),
  stateBy: orNull(UserId, 'null while it is open.'),
  valueBytes: Count,
}

/** The bodies of answers. */
export const ANSWERS = {
  user: open({ user: UserId, name: Type.Optional(Name), createdAt: At }),
  roomAccepted: said(ACCEPTED, { ...inRoom, ...accepted }),
  roomCreated: said(STORED, { ...inRoom, ...stored }),
  roomExists: said('A direct room of this pair exists: this is it.', { ...inRoom, ...already }),
  rooms: open({
    rooms: Type.Array(open({ ...room, role: Role, epoch: Epoch, head: Head })),
    next: orNull(RoomId, 'The `after` of the next page; null at the end.'),
  }),
  room: open({
    ...room,
    role: orNull(Role, 'What the caller is in it; null for an administrator who is no member.'),
    epoch: Epoch,
    head: Head,
    members: Type.Array(open({ user: UserId, role: Role }), { description: 'In the order of their ids.' }),
    membersNext: orNull(UserId, 'The `membersAfter` of the next page; null at the end.'),
  }),
  memberAccepted: said(ACCEPTED, { ...ofMember, ...accepted }),
  memberStored: said(STORED, { ...ofMember, ...stored }),
  memberAlready: said(SO, { ...ofMember, ...already }),
  messageAccepted: said(ACCEPTED, accepted),
  messageStored: said(STORED, stored),
  timeline: open({
    entries: Type.Array(EntrySchema, { description: 'Ascending.' }),
    epoch: Epoch,
    head: Head,
  }),
  hits: open({
    hits: Type.Array(
      open({
        room: RoomId,
        seq: Seq,
        id: EntryId,
        kind: Type.Literal('message'),
        sender: UserId,
        at: At,
        text: Text,
      }),
      { description: 'Newest first.' },
    ),
    indexedThrough: Type.Integer({
      minimum: 0,
      description: 'Every message accepted before this time can be found, in milliseconds since 1970.',
    }),
    partial: Type.Boolean({
      description: 'Something that could have been found was not looked at: the index is behind.',
    }),
  }),
  letters: open({
    items: Type.Array(open(letter), { description: 'Newest first.' }),
    next: orNull(Type.String(), 'The `cursor` of the next page; null at the end.'),
  }),
  letter: open({
    ...letter,
    key: Type.String({ description: "The record's key: the room." }),
    headers: Type.Record(Type.String(), Type.String(), { description: "The record's headers." }),
    value: Type.Optional(Type.String({ description: "The record's value, where it is text." })),
    valueBase64: Type.Optional(Type.String({ description: "The record's value, where it is no text." })),
  }),
  letterMarked: open(letter),
  letterReplayed: said('It is durable in the log once more, as a new try.', {
    id: Type.String({ description: "The letter's id." }),
    room: RoomId,
    replay: Type.String({ description: 'The id of the new try.' }),
    durability: DurabilitySchema,
  }),
  health: open({ status: Type.Literal('ok') }),
  ready: said('Everything is there.', { status: Type.Literal('ready'), waiting: Type.Array(Type.String()) }),
  waiting: said('Something is waited for.', {
    status: Type.Literal('waiting'),
    waiting: Type.Array(Type.String(), { description: 'A line for each part that waits: for what.' }),
  }),
  signInOffered: open({ offered: Type.Boolean() }),
  signedIn: open({
    token: Type.String({ description: 'A JSON Web Token.' }),
    expires: At,
    user: UserId,
  }),
  error: open({
    code: Type.String({ description: 'One of the error codes.' }),
    message: Type.String({ description: 'A sentence for people.' }),
    retryable: Type.Boolean({ description: 'Whether the same request, with the same client id, can succeed later.' }),
    retryAfterMs: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Wait so long; also in `Retry-After`, in seconds.' }),
    ),
    id: Type.Optional(Type.String({ description: 'Of a command that has its end: its id.' })),
    end: Type.Optional(
      Type.Union([Type.Literal('refused'), Type.Literal('dead')], {
        description: 'Of a command that has its end: no try with the same client id will be answered otherwise.',
      }),
    ),
  }),
} as const

// ---- types ------------------------------------------------------------------------------------------------------------

type Frames<Table extends Record<string, TObject>> = { [Name in keyof Table]: Static<Table[Name]> }
export type Requests = Frames<typeof REQUESTS>
export type Replies = Frames<typeof REPLIES>
export type Pushes = Frames<typeof PUSHES>
export type Bodies = Frames<typeof BODIES>
/** The bodies of HTTP answers, by name. */
export type Answers = Frames<typeof ANSWERS>
export type Request = Requests[keyof Requests]
export type Reply = Replies[keyof Replies]
export type Push = Pushes[keyof Pushes]
/** The requests that are commands: they have a client id, and end as stored, refused or dead. */
export type CommandRequest = Requests['send' | 'create_room' | 'add_member' | 'remove_member']
export type Entry = Static<typeof EntrySchema>
export type RoomAbout = Static<typeof RoomAboutSchema>
export type Durability = Static<typeof DurabilitySchema>
export type Place = Static<typeof Place>
export type RoomKind = Static<typeof RoomKind>

/** What HTTP bodies look like: what is asked for, and what is answered. A route names those it takes and gives. */
import Type, { type TProperties, type TSchema } from 'typebox'
import {
  At,
  ClientId,
  closed,
  DurabilitySchema,
  EntryId,
  EntrySchema,
  Epoch,
  id,
  Members,
  Name,
  open,
  RoomAboutSchema,
  RoomId,
  RoomKindSchema,
  Seq,
  Text,
  UserId,
} from './pieces.ts'

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
    kind: RoomKindSchema,
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
        highlights: Type.Array(Type.Tuple([Type.Integer({ minimum: 0 }), Type.Integer({ minimum: 1 })]), {
          description: 'Where the words stand: `[start, end)` in UTF-16 units of the text, ascending.',
        }),
      }),
      {
        description: 'In the order asked for. A page may hold fewer than `limit`, even none, and still have a `next`.',
      },
    ),
    next: orNull(Type.String(), 'The `cursor` of the next page, for the same query; null at the end.'),
    indexedThrough: Type.Integer({
      minimum: 0,
      description: 'Every message accepted before this time can be found, in milliseconds since 1970.',
    }),
    behind: Type.Integer({
      minimum: 0,
      description:
        'So many entries of these rooms the index has not taken up yet; the newest of them were looked at one by one.',
    }),
    partial: Type.Boolean({
      description:
        'Something that could have been found was not looked at: the index is further behind than that, or parts of it do not answer.',
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

/**
 * The single source of the protocol: what a frame or an HTTP body may look like, its TypeScript type and its documentation.
 * It needs TypeBox, so it is for servers and tools; a browser takes types and constants from `@holdfast/protocol`.
 */
import Type, { type Static, type TObject } from 'typebox'
import type { ANSWERS, BODIES } from './http.ts'
import { LIMITS } from './limits.ts'
import {
  At,
  ClientId,
  closed,
  DurabilitySchema,
  EntryId,
  EntrySchema,
  Epoch,
  Members,
  Name,
  open,
  RoomAboutSchema,
  RoomId,
  RoomKindSchema,
  Seq,
  Text,
  text,
  UserId,
} from './pieces.ts'

export * from './http.ts'
export { ClientId, DurabilitySchema, EntrySchema, RoomAboutSchema, RoomId, UserId } from './pieces.ts'

// ---- pieces of frames ------------------------------------------------------------------------------------------------

const Token = text('A JSON Web Token.', LIMITS.tokenBytesMax)
const Ref = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'The correlation number: chosen by the client, echoed by every reply to this request.',
})
const Limit = Type.Integer({
  minimum: 1,
  maximum: LIMITS.pageEntriesMax,
  description: `At most this many entries; ${LIMITS.pageEntriesDefault} by default.`,
})
const Generation = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description:
    'The number of this room on this connection: 0 until an error names a higher one. Commands under another number are refused, so that none overtakes an earlier one that failed.',
})
const Again = Type.Literal(true, { description: 'This command was sent before: look for its outcome first.' })
const Place = closed(
  { room: RoomId, epoch: Epoch, seq: Seq },
  { description: 'A position: the end of what the client has without a hole.' },
)

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
      kind: RoomKindSchema,
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
export type RoomKind = Static<typeof RoomKindSchema>

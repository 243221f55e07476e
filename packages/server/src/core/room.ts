import type {
  EntryDocument,
  MemberDocument,
  Projection,
  RoomDocument,
  RoomId,
  RoomNeed,
  RoomSnapshot,
  UserId,
} from '../ports/store.ts'

/**
 * What is known of a room, as of exactly one seq: `head` (R3). It moves only by applying entry head + 1 (R4).
 * Invariant: `members` holds, for every user it names, what they are as of `head`; of users it does not name nothing is known.
 */
export interface RoomState {
  readonly room: RoomId
  head: number
  document: RoomDocument | undefined
  readonly members: Map<UserId, MemberDocument>
}

/** The snapshot's documents with every entry above their head folded in. */
export function roomState(need: RoomNeed, snapshot: RoomSnapshot): RoomState {
  const state: RoomState = { room: need.room, head: snapshot.head, document: snapshot.document, members: new Map() }
  for (const user of need.users)
    state.members.set(user, snapshot.members.get(user) ?? { user, role: undefined, seq: 0 })
  for (const entry of snapshot.above) apply(state, entry)
  return state
}

/** A copy to decide on, so that what was only tentative can be dropped. */
export function copyOf(state: RoomState): RoomState {
  return { ...state, members: new Map(state.members) }
}

/** Moves the state by the next entry. A projected document may be newer than the head it was read with: `seq` guards. */
export function apply(state: RoomState, entry: EntryDocument): void {
  if (entry.seq !== state.head + 1)
    throw new Error(`room ${state.room} is at ${state.head}: entry ${entry.seq} is not its next`)
  state.head = entry.seq
  const document = documentAfter(state.document, entry)
  if (document !== undefined) state.document = document
  for (const member of membersAfter(entry)) {
    const known = state.members.get(member.user)
    if (known === undefined || known.seq < member.seq) state.members.set(member.user, member)
  }
}

/** The room's document after this entry; undefined where the entry does not change it. */
function documentAfter(document: RoomDocument | undefined, entry: EntryDocument): RoomDocument | undefined {
  const { content, seq, room, sender, at } = entry
  if (document !== undefined && document.seq >= seq) return undefined
  switch (content.kind) {
    case 'room_created': {
      const others = new Set(content.members).add(sender)
      const [other = sender] = content.members
      const pair = content.roomKind === 'direct' ? ([sender, other] as const) : undefined
      return {
        room,
        seq,
        kind: content.roomKind,
        name: content.name,
        owner: sender,
        pair,
        createdAt: at,
        memberCount: others.size,
      }
    }
    case 'member_added':
      return document && { ...document, seq, memberCount: document.memberCount + 1 }
    case 'member_removed':
      return document && { ...document, seq, memberCount: document.memberCount - 1 }
    case 'message':
      return undefined
  }
  content satisfies never
}

/** Who is what after this entry. */
export function membersAfter({ content, seq, sender }: EntryDocument): readonly MemberDocument[] {
  switch (content.kind) {
    case 'room_created': {
      const others = [...new Set(content.members)].filter((user) => user !== sender)
      return [{ user: sender, role: 'owner', seq }, ...others.map((user) => ({ user, role: 'member', seq }) as const)]
    }
    case 'member_added':
      return [{ user: content.user, role: 'member', seq }]
    case 'member_removed':
      return [{ user: content.user, role: undefined, seq }]
    case 'message':
      return []
  }
  content satisfies never
}

/** Whom an entry makes a member or no member any more: the subjects a feed record names in its header (G9). */
export function subjectsOf(entry: EntryDocument): readonly UserId[] {
  return membersAfter(entry).map(({ user }) => user)
}

/** What these entries of one room, ascending, do to its documents; `state` is the room after the last of them. */
export function projection(state: RoomState, entries: readonly EntryDocument[]): Projection {
  const members = new Map<UserId, MemberDocument>()
  for (const entry of entries) for (const member of membersAfter(entry)) members.set(member.user, member)
  const changed = members.size > 0
  return {
    room: state.room,
    document: changed ? state.document : undefined,
    members: [...members.values()],
    head: state.head,
  }
}

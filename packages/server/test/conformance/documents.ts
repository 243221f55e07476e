import { sha256 } from '../../src/adapters/system/sha256.ts'
import { claimSeq } from '../../src/core/identity.ts'
import type {
  ClaimDocument,
  Content,
  Document,
  EntryDocument,
  LetterDocument,
  Projection,
  RoomDocument,
  TimelineStore,
  ViewRequest,
  WriteRequest,
  Written,
} from '../../src/ports/store.ts'

export const AT = 1_700_000_000_000

export function entry(room: string, seq: number, changes: Partial<EntryDocument> = {}): EntryDocument {
  const content: Content = { kind: 'message', text: `${room}#${seq}` }
  const shared = { sender: 'alice', at: AT + seq, digest: `digest-${seq}`, origin: 10 * seq, content }
  return { end: 'stored', id: `${room}/${seq}`, room, seq, ...shared, ...changes }
}

export function entries(room: string, from: number, to: number): EntryDocument[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(room, from + i))
}

export function claim(room: string, id: string, changes: Partial<ClaimDocument> = {}): ClaimDocument {
  const shared = { sender: 'bob', at: AT, digest: `digest-${id}`, code: 'NOT_A_MEMBER', message: 'no: “😀”' } as const
  return { end: 'refused', id, room, seq: claimSeq(sha256, id), ...shared, class: undefined, ...changes }
}

export function letter(id: string, changes: Partial<LetterDocument> = {}): LetterDocument {
  return {
    id,
    digest: `digest-${id}`,
    room: 'r',
    sender: 'alice',
    class: 'poison',
    code: 'UNPROCESSABLE',
    reason: 'it could not be read',
    attempts: 3,
    firstFailedAt: AT,
    origin: { log: 'commands', partition: 0, offset: 7, timestamp: AT - 5 },
    key: 'r',
    headers: { 'a b': '😀' },
    value: Uint8Array.from({ length: 256 }, (_, i) => i),
    worker: 'w1',
    build: '0.1.0',
    state: 'open',
    stateAt: undefined,
    stateBy: undefined,
    ...changes,
  }
}

export function room(id: string, seq: number, changes: Partial<RoomDocument> = {}): RoomDocument {
  const about = { kind: 'group', name: `room ${seq}`, owner: 'alice', pair: undefined, createdAt: AT } as const
  return { room: id, seq, ...about, memberCount: seq, ...changes }
}

export function projection(id: string, head: number, changes: Partial<Projection> = {}): Projection {
  return { room: id, document: undefined, members: [], head, ...changes }
}

export function write(
  timeline: TimelineStore,
  documents: readonly Document[],
  changes: Partial<WriteRequest> = {},
): Promise<Written> {
  return timeline.write({ documents, letters: [], projections: [], settled: undefined, ...changes })
}

export function view(room: string, changes: Partial<ViewRequest> = {}): ViewRequest {
  return { room, user: undefined, after: undefined, before: undefined, entriesMax: 100, ...changes }
}

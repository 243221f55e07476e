import type { Pushes, Replies, Requests } from '@holdfast/protocol'

const id = '069syevt3gcezrs5zv09h3d8jg'
const clientId = '01939f3b-7a1c-7c3e-8b2a-5f0d1e2c3b4a'

/** One example of each request, for the reference; a test holds these and those below against the schemas. */
export const REQUEST_EXAMPLES: Requests = {
  authenticate: { type: 'authenticate', ref: 1, token: 'eyJhbGciOi…', resume: [{ room: 'lobby', epoch: 1, seq: 41 }] },
  refresh: { type: 'refresh', ref: 9, token: 'eyJhbGciOi…' },
  send: { type: 'send', ref: 2, room: 'lobby', clientId, text: 'Good morning!' },
  create_room: { type: 'create_room', ref: 3, clientId, kind: 'group', name: 'Lobby', members: ['ben'] },
  add_member: { type: 'add_member', ref: 4, clientId, room: 'lobby', user: 'cara' },
  remove_member: { type: 'remove_member', ref: 5, clientId, room: 'lobby', user: 'cara' },
  subscribe: { type: 'subscribe', ref: 6, room: 'lobby', epoch: 1, seq: 40 },
  page: { type: 'page', ref: 7, room: 'lobby', before: 42, limit: 1 },
}

export const REPLY_EXAMPLES: Replies = {
  hello: { type: 'hello', ref: 1, user: 'anna', durability: 'fsync', expires: 1795400000000, now: 1795396400000 },
  refreshed: { type: 'refreshed', ref: 9, expires: 1795403600000 },
  accepted: { type: 'accepted', ref: 2, room: 'lobby', id, durability: 'fsync' },
  stored: { type: 'stored', ref: 2, room: 'lobby', id, epoch: 1, seq: 42, at: 1795396412345, duplicate: false },
  refused: {
    type: 'refused',
    ref: 4,
    room: 'lobby',
    id,
    code: 'FORBIDDEN',
    message: 'Only the owner of a room may add or remove members.',
  },
  dead: { type: 'dead', ref: 2, room: 'lobby', id, code: 'SENDER_UNKNOWN', message: 'The sender is not registered.' },
  subscribed: { type: 'subscribed', ref: 6, room: 'lobby' },
  page: {
    type: 'page',
    ref: 7,
    room: 'lobby',
    epoch: 1,
    head: 42,
    entries: [{ seq: 41, id, kind: 'member_added', sender: 'anna', at: 1795396401200, user: 'cara' }],
  },
  error: {
    type: 'error',
    ref: 2,
    code: 'RATE_LIMITED',
    message: 'Too many requests.',
    retryable: true,
    retryAfterMs: 340,
    appended: false,
    generation: 1,
  },
}

export const PUSH_EXAMPLES: Pushes = {
  joined: {
    type: 'joined',
    room: 'lobby',
    epoch: 1,
    head: 41,
    about: { kind: 'group', name: 'Lobby', owner: 'anna', memberCount: 2 },
  },
  resumed: {
    type: 'resumed',
    room: 'lobby',
    epoch: 1,
    seq: 41,
    recovered: true,
    about: { kind: 'group', name: 'Lobby', owner: 'anna', memberCount: 2 },
  },
  left: { type: 'left', room: 'lobby' },
  entry: {
    type: 'entry',
    room: 'lobby',
    epoch: 1,
    entry: { seq: 42, id, kind: 'message', sender: 'anna', at: 1795396412345, text: 'Good morning!' },
  },
  gap: { type: 'gap', room: 'lobby', epoch: 1, from: 42, to: 1041 },
  ready: { type: 'ready' },
}

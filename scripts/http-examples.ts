import type { Method } from '../packages/server/src/api/route.ts'

/** A request to the HTTP interface, and what it is answered with. */
export interface HttpExample {
  /** `PUT /v1/users/:user`. */
  readonly route: `${Method} ${string}`
  readonly path: string
  /** Whose token it bears; undefined for none. */
  readonly by: 'anna' | 'operator' | undefined
  readonly body?: object
  readonly status: number
  /** JSON, or the beginning of a text. */
  readonly answer: object | string
}

const CREATED = { id: '069syevt22xjqf1p9qegkd96b4', seq: 1, at: 1795396401000, duplicate: false }
const ADDED = { id: '069syevt25hwntsjjz6eyg0fjc', seq: 2, at: 1795396401200, duplicate: false }
const LOBBY = { room: 'lobby', kind: 'group', name: 'Lobby', owner: 'anna' }
const said = { clientId: '01939f3b-7a1c-7c3e-8b2a-5f0d1e2c3b4a', text: 'Good morning!' }
const message = {
  id: '069syevt3gcezrs5zv09h3d8jg',
  kind: 'message',
  sender: 'anna',
  at: 1795396412345,
  text: said.text,
}
const dead = '069syevt2gedjhysgdtts1bp04'
const reason = 'The sender dan was not registered in time; register them, then replay.'
const letter = {
  id: dead,
  room: 'lobby',
  sender: 'dan',
  class: 'expired',
  code: 'SENDER_UNKNOWN',
  reason,
  attempts: 5,
  firstFailedAt: 1795396433477,
  origin: { log: 'commands', partition: 0, offset: 6, timestamp: 1795396403095 },
  worker: 'chat-1/4711',
  build: '0.1.0',
  state: 'open',
  stateAt: null,
  stateBy: null,
  valueBytes: 158,
}

/** A conversation in its order: a test holds it with a real server, which must answer like this. */
export const HTTP_EXAMPLES: readonly HttpExample[] = [
  {
    route: 'PUT /v1/users/:user',
    path: '/v1/users/anna',
    by: 'anna',
    body: { name: 'Anna' },
    status: 200,
    answer: { user: 'anna', name: 'Anna', createdAt: 1795396400000 },
  },
  {
    route: 'GET /v1/users/:user',
    path: '/v1/users/anna',
    by: 'anna',
    status: 200,
    answer: { user: 'anna', name: 'Anna', createdAt: 1795396400000 },
  },
  {
    route: 'POST /v1/rooms',
    path: '/v1/rooms',
    by: 'anna',
    body: {
      kind: 'group',
      room: 'lobby',
      name: 'Lobby',
      members: ['ben'],
      clientId: '01939f3b-7a10-7000-8000-000000000001',
    },
    status: 201,
    answer: { room: 'lobby', ...CREATED },
  },
  {
    route: 'GET /v1/rooms',
    path: '/v1/rooms?limit=20',
    by: 'anna',
    status: 200,
    answer: {
      rooms: [{ ...LOBBY, memberCount: 2, createdAt: CREATED.at, role: 'owner', epoch: 1, head: 1 }],
      next: null,
    },
  },
  {
    route: 'PUT /v1/rooms/:room/members/:user',
    path: '/v1/rooms/lobby/members/cara?clientId=01939f3b-7a11-7000-8000-000000000002',
    by: 'anna',
    status: 201,
    answer: { room: 'lobby', user: 'cara', ...ADDED },
  },
  {
    route: 'GET /v1/rooms/:room',
    path: '/v1/rooms/lobby',
    by: 'anna',
    status: 200,
    answer: {
      ...LOBBY,
      memberCount: 3,
      createdAt: CREATED.at,
      role: 'owner',
      epoch: 1,
      head: 2,
      members: [
        { user: 'anna', role: 'owner' },
        { user: 'ben', role: 'member' },
        { user: 'cara', role: 'member' },
      ],
      membersNext: null,
    },
  },
  {
    route: 'POST /v1/rooms/:room/messages',
    path: '/v1/rooms/lobby/messages',
    by: 'anna',
    body: said,
    status: 202,
    answer: { id: message.id, durability: 'fsync' },
  },
  {
    route: 'POST /v1/rooms/:room/messages',
    path: '/v1/rooms/lobby/messages?wait=stored',
    by: 'anna',
    body: said,
    status: 201,
    answer: { id: message.id, seq: 3, at: message.at, duplicate: true },
  },
  {
    route: 'DELETE /v1/rooms/:room/members/:user',
    path: '/v1/rooms/lobby/members/cara?clientId=01939f3b-7a12-7000-8000-000000000003',
    by: 'anna',
    status: 200,
    answer: {
      room: 'lobby',
      user: 'cara',
      id: '069syevt2830q5sxm78j1e48cw',
      seq: 4,
      at: 1795396413000,
      duplicate: false,
    },
  },
  {
    route: 'DELETE /v1/rooms/:room/members/:user',
    path: '/v1/rooms/lobby/members/cara?clientId=01939f3b-7a13-7000-8000-000000000004',
    by: 'anna',
    status: 200,
    answer: { room: 'lobby', user: 'cara', id: '069syevt2et8xsyv1yt18fdzhm', code: 'ALREADY' },
  },
  {
    route: 'GET /v1/rooms/:room/timeline',
    path: '/v1/rooms/lobby/timeline?after=1&limit=2',
    by: 'anna',
    status: 200,
    answer: {
      entries: [
        { seq: 2, id: ADDED.id, kind: 'member_added', sender: 'anna', at: ADDED.at, user: 'cara' },
        { seq: 3, ...message },
      ],
      epoch: 1,
      head: 4,
    },
  },
  {
    route: 'GET /v1/search',
    path: '/v1/search?q=morning&room=lobby',
    by: 'anna',
    status: 200,
    answer: {
      hits: [{ room: 'lobby', seq: 3, ...message, highlights: [[5, 12]] }],
      next: null,
      indexedThrough: 1795396413500,
      behind: 0,
      partial: false,
    },
  },
  {
    route: 'POST /v1/rooms/:room/messages',
    path: '/v1/rooms/lobby/messages?wait=stored',
    by: 'operator',
    body: { clientId: '01939f3b-7a14-7000-8000-000000000005', sender: 'dan', text: 'Am I known?' },
    status: 422,
    answer: { code: 'SENDER_UNKNOWN', message: reason, retryable: false, id: dead, end: 'dead' },
  },
  {
    route: 'GET /v1/dead-letters',
    path: '/v1/dead-letters?limit=10',
    by: 'operator',
    status: 200,
    answer: { items: [letter], next: null },
  },
  {
    route: 'GET /v1/dead-letters/:id',
    path: `/v1/dead-letters/${dead}`,
    by: 'operator',
    status: 200,
    answer: {
      ...letter,
      key: 'lobby',
      headers: {},
      value:
        '{"v":1,"room":"lobby","sender":"dan","clientId":"01939f3b-7a14-7000-8000-000000000005","authority":"member","content":{"kind":"message","text":"Am I known?"}}',
    },
  },
  {
    route: 'POST /v1/dead-letters/:id/replay',
    path: `/v1/dead-letters/${dead}/replay`,
    by: 'operator',
    status: 202,
    answer: { id: dead, room: 'lobby', replay: `${dead}~1`, durability: 'fsync' },
  },
  {
    route: 'DELETE /v1/dead-letters/:id',
    path: `/v1/dead-letters/${dead}`,
    by: 'operator',
    status: 200,
    answer: { ...letter, state: 'discarded', stateAt: 1795396500000, stateBy: 'operator' },
  },
  { route: 'GET /healthz', path: '/healthz', by: undefined, status: 200, answer: { status: 'ok' } },
  { route: 'GET /readyz', path: '/readyz', by: undefined, status: 200, answer: { status: 'ready', waiting: [] } },
  {
    route: 'GET /metrics',
    path: '/metrics',
    by: undefined,
    status: 200,
    answer: '# HELP process_cpu_user_seconds_total Total user CPU time spent in seconds.',
  },
  { route: 'GET /v1/sign-in', path: '/v1/sign-in', by: undefined, status: 200, answer: { offered: true } },
  {
    route: 'POST /v1/sign-in',
    path: '/v1/sign-in',
    by: undefined,
    body: { user: 'anna' },
    status: 200,
    answer: { token: 'eyJhbGciOi…', expires: 1795400000000, user: 'anna' },
  },
]

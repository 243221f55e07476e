import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { connect } from '@holdfast/client'
import type { Entry } from '@holdfast/protocol'
import { SOCKET_PATH } from '@holdfast/protocol'

/** What a client tells whoever uses it. */
export interface News {
  /** The next entry of a room, live: in order, without a hole or a repeat. */
  entry(room: string, entry: Entry): void
  /** The room is one of ours. */
  opened(room: string): void
  /** History was restored: what was shown of this room is void. */
  reset(room: string): void
  left(room: string): void
}

export interface Place {
  readonly epoch?: number
  readonly seq?: number
}

export interface Range {
  readonly before?: number
  readonly after?: number
  readonly limit?: number
}

/** A client under test: as much of one as the rules need. What it rejects with has a `code` and says whether it is `retryable`. */
export interface Client {
  createRoom(room: string, members: readonly string[]): Promise<unknown>
  /** Resolves when the message is stored. `clientId` only where the rule is about it. */
  send(room: string, text: string, clientId?: string): Promise<Place>
  page(room: string, range: Range): Promise<{ readonly head: number; readonly entries: readonly Entry[] }>
  close(): void
}

export interface ConnectOptions {
  /** http://host:port */
  readonly url: string
  /** Asked before every connection. */
  readonly getToken: () => Promise<string>
  readonly news: News
}

export type Connect = (options: ConnectOptions) => Client

/** `plain`, `sdk`, or a module that exports a `plainClient` of its own. */
export async function loadClient(name: string): Promise<Connect> {
  if (name === 'sdk') return sdk
  const file = name === 'plain' ? new URL('plain-client.ts', import.meta.url) : pathToFileURL(resolve(name))
  const { plainClient } = (await import(file.href)) as typeof import('./plain-client.ts')
  return plain(plainClient)
}

const sdk: Connect = ({ url, getToken, news }) => {
  const client = connect({ url, getToken })
  client.on('room', (room) => news.opened(room.id))
  client.on('left', (room) => news.left(room.id))
  const watched = new Set<string>()
  // A room is one object for the client's life: it is listened to once.
  client.on('room', (room) => {
    if (watched.has(room.id)) return
    watched.add(room.id)
    room.on('entry', (entry) => news.entry(room.id, entry))
    room.on('reset', () => news.reset(room.id))
  })
  return {
    createRoom: (room, members) => client.createRoom({ kind: 'group', room, members }),
    send: (room, text, clientId) => client.room(room).send(text, clientId === undefined ? {} : { clientId }),
    page: (room, range) => client.room(room).page(range),
    close: () => client.close(),
  }
}

function plain(plainClient: typeof import('./plain-client.ts').plainClient): Connect {
  return ({ url, getToken, news }) => {
    const open = new Set<string>()
    const client = plainClient({
      url: `${url.replace(/^http/, 'ws')}${SOCKET_PATH}`,
      getToken,
      onNews(type, room, entry) {
        if (entry !== undefined) return news.entry(room, entry as Entry)
        if (type === 'left') open.delete(room)
        if (type === 'left') return news.left(room)
        if (open.has(room)) return news.reset(room)
        open.add(room)
        news.opened(room)
      },
    })
    return {
      createRoom: (room, members) => client.command({ type: 'create_room', room, kind: 'group', members }),
      send: (room, text, clientId) =>
        client.command({ type: 'send', room, text, ...(clientId === undefined ? {} : { clientId }) }),
      page: (room, range) => client.page(room, range) as Promise<{ head: number; entries: Entry[] }>,
      close: client.close,
    }
  }
}

import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { SearchQuery } from '../../src/ports/search.ts'

/** A search of which the answer does not matter. */
export const QUERY: SearchQuery = {
  wanted: [{ in: 'tokens', tokens: ['a'], isPrefix: false }],
  preferred: [],
  rooms: ['r'],
  sender: undefined,
  after: undefined,
  hitsMax: 10,
}

export interface Asked {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly authorization: string | undefined
  readonly body: string
}

/** What is answered; undefined: nothing, ever. */
export type Reply = { readonly status: number; readonly body: object | string } | undefined

export interface Scripted extends AsyncDisposable {
  readonly url: string
  readonly asked: readonly Asked[]
}

/** A search cluster that answers what a test tells it to. Its index is there, named `holdfast-is-one`. */
export async function scriptedCluster(
  reply: (asked: Asked) => Reply,
  secure?: { readonly key: Buffer; readonly cert: Buffer },
): Promise<Scripted> {
  const asked: Asked[] = []
  const answer: RequestListener = async (request, response) => {
    const one = await askedIn(request)
    asked.push(one)
    const said = one.path.endsWith('/_alias') ? NAMED : reply(one)
    if (said === undefined) return
    const json = typeof said.body === 'object'
    response.writeHead(said.status, { 'content-type': json ? 'application/json' : 'text/html' })
    response.end(json ? JSON.stringify(said.body) : said.body)
  }
  const server: Server = secure === undefined ? createServer(answer) : createSecureServer(secure, answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http${secure === undefined ? '' : 's'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const NAMED: Reply = {
  status: 200,
  body: { 'holdfast-1': { aliases: { 'holdfast-read': {}, 'holdfast-is-one': {} } } },
}

async function askedIn(request: IncomingMessage): Promise<Asked> {
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) body += chunk
  const { method = '', url = '', headers } = request
  return { method, path: decodeURIComponent(url.split('?')[0] ?? ''), authorization: headers.authorization, body }
}

/** An error as these engines word it. */
export function complaint(status: number, type: string, reason = type): Reply {
  const error = { type, reason }
  return { status, body: { error: { ...error, root_cause: [error] }, status } }
}

import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * What lets a page of another origin use what needs a token, as it may use the socket. Any origin may: who asks shows that token, and a browser sends
 * none by itself, as it would a cookie.
 */
const SHOWN: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'retry-after, www-authenticate',
}
const TAKEN = 'authorization, content-type'
/** A browser asks again after so long: none remembers it for longer than two hours. */
const REMEMBERED_S = 7_200

export function showToPages(reply: FastifyReply): void {
  reply.headers(SHOWN)
}

/** Whether a browser asks before the request itself if it may send it. */
export function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined
}

export function answerPreflight(reply: FastifyReply, allow: string): FastifyReply {
  return reply
    .code(204)
    .headers({
      'access-control-allow-methods': allow,
      'access-control-allow-headers': TAKEN,
      'access-control-max-age': String(REMEMBERED_S),
    })
    .send()
}

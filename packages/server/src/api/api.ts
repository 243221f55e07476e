import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { type Durability, ERRORS, type ErrorCode, LIMITS } from '@holdfast/protocol'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type HTTPMethods } from 'fastify'
import type { Admission } from '../core/admission.ts'
import { Problem, readProblem } from '../core/problem.ts'
import type { Rate } from '../core/rate.ts'
import type { Submissions } from '../core/submissions.ts'
import type { Identity } from '../ports/access.ts'
import { Failure } from '../ports/failure.ts'
import type { SearchQueries } from '../ports/search.ts'
import type { HistoryStore, LetterStore, Timestamp, UserStore } from '../ports/store.ts'
import type { Clock, Logger, Sha256 } from '../ports/system.ts'
import { type BodyCheck, bodyCheck, parseJson } from './bodies.ts'
import { answerPreflight, isPreflight, showToPages } from './cross-origin.ts'
import type { DeadLetterParts } from './dead-letters.ts'
import { type HealthParts, healthRoutes } from './health.ts'
import type { ApiObserver } from './observer.ts'
import { type Parameters, readQuery } from './query.ts'
import type { Answer, AnyRoute } from './route.ts'
import { apiRoutes } from './routes.ts'
import { Refusal, Sending } from './sending.ts'
import type { ApiSettings } from './settings.ts'
import type { SignIn } from './sign-in.ts'

export interface ApiParts {
  readonly settings: ApiSettings
  readonly admission: Pick<Admission, 'admit'>
  readonly history: HistoryStore
  readonly users: UserStore
  readonly letters: LetterStore
  readonly search: SearchQueries
  readonly submissions: Submissions
  /** The same one that sockets take from: HTTP is no way around it. */
  readonly sendRate: Pick<Rate, 'take' | 'charge'>
  readonly readRate: Pick<Rate, 'take'>
  /** What `accepted` survives, as the log says. */
  readonly durability: Durability
  readonly replay: DeadLetterParts['replay']
  readonly indexedThrough: () => Promise<Timestamp>
  readonly waiting: () => Promise<readonly string[]>
  readonly metrics: () => Promise<string>
  /** undefined where sign-in by name is not offered. */
  readonly signIn: SignIn | undefined
  /** Whether pages of other origins may ask: not where sign-in by name gives a token to whoever asks for one. */
  readonly isForEveryOrigin: boolean
  /** The built page; undefined without one. */
  readonly webRoot: string | undefined
  readonly clock: Clock
  readonly sha256: Sha256
  /** A new UUIDv7. */
  readonly newId: () => string
  readonly logger: Logger
  readonly observer: ApiObserver
}

export interface Api {
  /** For the sockets' upgrades. */
  readonly server: Server
  /** Resolves, when connections are taken, with the port. */
  listen(host: string, port: number): Promise<number>
  /** Takes no more requests, answers the open ones, and resolves after `closeMsMax` at the latest. May be called twice. */
  close(): Promise<void>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null before they are known, and on open routes. */
    identity: Identity | null
  }
}

/** What any server of ours needs, whatever it answers. */
export type ServerParts = Pick<ApiParts, 'settings' | 'clock' | 'logger' | 'observer'> &
  Partial<Pick<ApiParts, 'isForEveryOrigin'>>

/** The HTTP API: what each route does stands in its own file; here is what all of them share. */
export function createApi(parts: ApiParts): Api {
  const sending = new Sending({ ...parts, outcomeWaitMsMax: parts.settings.outcomeWaitMsMax, rate: parts.sendRate })
  const routes = apiRoutes({ ...parts, sending })
  return serve(
    parts,
    routes,
    (route, request) => admit(parts, route, request),
    () => sending.stop(),
  )
}

/** What a process answers that has no gateway, or none yet: how it is, and what it measured. Everything else is refused as `elsewhere` says. */
export function createHealthApi(parts: ServerParts & HealthParts & { readonly elsewhere?: Problem }): Api {
  const nobody = () => Promise.reject(new Problem('NOT_FOUND'))
  return serve(parts, healthRoutes(parts), nobody, () => {})
}

function serve(
  parts: ServerParts & { readonly elsewhere?: Problem },
  routes: readonly AnyRoute[],
  admit: Admit,
  stop: () => void,
): Api {
  const { settings, clock, isForEveryOrigin = false } = parts
  const state = { isClosing: false }
  const openPaths = new Set(routes.filter(({ access }) => access === 'open').map(({ path }) => path))
  const app = server(parts, state, openPaths)
  register(app, routes, admit, isForEveryOrigin)
  let closed: Promise<void> | undefined
  return {
    server: app.server,
    async listen(host, port) {
      await app.listen({ host, port })
      const address = app.server.address()
      return typeof address === 'object' && address !== null ? address.port : port
    },
    close() {
      state.isClosing = true
      stop()
      closed ??= closeWithin(app, clock, settings.closeMsMax)
      return closed
    },
  }
}

// ---- the server ------------------------------------------------------------------------------------------------------

/** Long enough for every id with each of its bytes percent-encoded; a longer one is said to be too long by who reads it. */
const PARAMETER_UNITS_MAX = 16_384
const NO_QUERY = {}
const NOTHING_HERE = new Problem('NOT_FOUND', 'There is nothing at this path; see the reference of the HTTP API.')

function server(
  {
    settings,
    logger,
    observer,
    isForEveryOrigin,
    elsewhere = NOTHING_HERE,
  }: ServerParts & { readonly elsewhere?: Problem },
  state: { readonly isClosing: boolean },
  openPaths: ReadonlySet<string>,
): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: LIMITS.frameBytesMax,
    requestTimeout: settings.requestMsMax,
    keepAliveTimeout: settings.idleMsMax,
    // Ours names the code that clients know.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, request, reply) => void fail(reply, problemOf(error), request, logger),
    // Routes check what they are sent themselves: the framework's own compilers would be loaded with 100 files, and never used.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    // Queries are read by the routes, which know what may be in them.
    routerOptions: { maxParamLength: PARAMETER_UNITS_MAX, querystringParser: () => NO_QUERY },
  })
  app.decorateRequest('identity', null)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: FastifyRequest, bytes: Buffer) =>
    parseJson(bytes),
  )
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer')
    // Also where the answer is an error, which a page could not read else; but nothing that needs no token: whoever runs a page
    // must not read by somebody's browser what their network keeps from them, metrics say.
    if (isForEveryOrigin && !openPaths.has(request.routeOptions.url ?? '')) showToPages(reply)
    if (state.isClosing) throw new Problem('SHUTTING_DOWN')
    if (request.is404) throw elsewhere
  })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    // A connection that stays open would hold up the stop.
    if (state.isClosing) reply.header('connection', 'close')
    done()
  })
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions } = request
    const route = routeOptions.url ?? 'unknown'
    const ms = reply.elapsedTime
    observer.answered(method, route, reply.statusCode, ms)
    if (ms >= settings.slowRequestMsMin)
      logger.warn({ method, route, status: reply.statusCode, ms: Math.round(ms) }, 'a slow request')
  })
  app.setErrorHandler((error, request, reply) => fail(reply, problemOf(error), request, logger))
  return app
}

function noCompiler(): never {
  throw new Error('no route has a schema of the framework')
}

async function closeWithin(app: FastifyInstance, clock: Clock, msMax: number): Promise<void> {
  const done = new AbortController()
  const closed = app.close().finally(() => done.abort())
  await Promise.race([closed, clock.sleep(msMax, done.signal)])
  app.server.closeAllConnections()
}

// ---- routes ----------------------------------------------------------------------------------------------------------

type GuardedRoute = AnyRoute & { readonly access: 'user' | 'administrator' }
/** Rejects for whoever may not come in. */
type Admit = (route: GuardedRoute, request: FastifyRequest) => Promise<void>

function register(app: FastifyInstance, routes: readonly AnyRoute[], admit: Admit, isForEveryOrigin: boolean): void {
  for (const route of routes) {
    const checkBody = route.body === undefined ? undefined : bodyCheck(route.body)
    app.route({
      method: route.method,
      url: route.path,
      onRequest: route.access === 'open' ? [] : [(request) => admit(route, request)],
      handler: async (request, reply) => answer(reply, await handle(route, checkBody, request)),
    })
  }
  for (const [path, methods] of methodsByPath(routes)) {
    const allow = [...methods].join(', ')
    const others = (app.supportedMethods as HTTPMethods[]).filter((method) => !methods.has(method))
    const refuse = async (request: FastifyRequest, reply: FastifyReply) => {
      if (isForEveryOrigin && isPreflight(request)) return answerPreflight(reply, allow)
      reply.header('allow', allow)
      throw new Problem('METHOD_NOT_ALLOWED', `This path answers ${allow}.`)
    }
    app.route({ method: others, url: path, onRequest: refuse, handler: refuse, exposeHeadRoute: false })
  }
}

function methodsByPath(routes: readonly AnyRoute[]): ReadonlyMap<string, ReadonlySet<string>> {
  const paths = new Map<string, Set<string>>()
  for (const { path, method } of routes) {
    const methods = paths.get(path) ?? new Set()
    paths.set(path, methods.add(method))
    if (method === 'GET') methods.add('HEAD')
  }
  return paths
}

/** Who asks, whether they may, and whether so often: before a byte of the body is read. */
async function admit(
  { admission, sendRate, readRate }: ApiParts,
  route: GuardedRoute,
  request: FastifyRequest,
): Promise<void> {
  const identity = await admission.admit(bearer(request.headers.authorization))
  request.identity = identity
  if (route.access === 'administrator' && !identity.administrator)
    throw new Problem('FORBIDDEN', 'This needs a token with the scope holdfast:admin.')
  // Imports are an administrator's.
  if (identity.administrator) return
  const retryAfterMs = (route.charge === 'command' ? sendRate : readRate).take(identity.user, 1)
  if (retryAfterMs !== undefined) throw new Problem('RATE_LIMITED', undefined, { retryAfterMs })
}

function bearer(authorization: string | undefined): string {
  const [, token] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? []
  if (token === undefined) throw new MissingToken()
  return token
}

/** No token at all: the answer then names no error of one (RFC 6750, section 3). */
class MissingToken extends Problem {
  constructor() {
    super('UNAUTHENTICATED', 'Send a token: "Authorization: Bearer TOKEN".')
  }
}

const NO_PARAMETERS: Parameters = {}
const NO_BODY = {}

function handle(route: AnyRoute, checkBody: BodyCheck | undefined, request: FastifyRequest): Answer | Promise<Answer> {
  const { identity, headers } = request
  const call = {
    params: request.params as Readonly<Record<string, string>>,
    query: readQuery(request.url, route.query ?? NO_PARAMETERS),
    body: checkBody?.(request.body) ?? NO_BODY,
    header: (name: string) => {
      const value = headers[name]
      return typeof value === 'string' ? value : undefined
    },
    hasHeader: (name: string) => headers[name] !== undefined,
  }
  if (route.access === 'open') return route.handle(call)
  if (identity === null) throw new Error('a route was reached without its bearer being known')
  return route.handle({ ...call, identity })
}

// ---- answers ---------------------------------------------------------------------------------------------------------

function answer(reply: FastifyReply, answer: Answer): FastifyReply {
  reply.code(answer.status)
  if ('json' in answer) return sendJson(reply, answer.json)
  return reply.headers(answer.headers).send(answer.content)
}

function sendJson(reply: FastifyReply, json: object): FastifyReply {
  reply.header('content-type', 'application/json; charset=utf-8').header('cache-control', 'no-store')
  return reply.send(JSON.stringify(json))
}

function fail(reply: FastifyReply, problem: Problem, request: FastifyRequest, logger: Logger): FastifyReply {
  const { code, body, retryAfterMs, cause } = problem
  const { status } = ERRORS[code]
  if (status >= 500 && code !== 'SHUTTING_DOWN')
    logger.error(
      { method: request.method, route: request.routeOptions?.url ?? 'unknown', code, cause },
      'a request failed',
    )
  reply.code(status)
  if (status === 401) reply.header('www-authenticate', challenge(problem))
  if (retryAfterMs !== undefined) reply.header('retry-after', String(Math.ceil(retryAfterMs / 1_000)))
  return sendJson(reply, problem instanceof Refusal ? { ...body, id: problem.id, end: problem.end } : body)
}

function challenge(problem: Problem): string {
  return problem instanceof MissingToken ? 'Bearer realm="holdfast"' : 'Bearer realm="holdfast", error="invalid_token"'
}

/** The Problem behind anything thrown. */
function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof Failure) return readProblem(error)
  const { code, statusCode } = error as { readonly code?: unknown; readonly statusCode?: unknown }
  const known = typeof code === 'string' ? FRAMEWORK_CODES[code] : undefined
  if (known !== undefined) return new Problem(...known)
  if (typeof statusCode === 'number' && statusCode < 500) return new Problem('BAD_FRAME', undefined, { cause: error })
  return new Problem('INTERNAL', undefined, { cause: error })
}

/** What the framework refuses by itself. */
const FRAMEWORK_CODES: Readonly<Record<string, readonly [ErrorCode, string?]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['TOO_LARGE', `body: is over ${LIMITS.frameBytesMax} bytes`],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['UNSUPPORTED_MEDIA_TYPE'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['BAD_FRAME', 'body: its length is not what content-length says'],
  FST_ERR_BAD_URL: ['BAD_FRAME', 'path: it is not percent-encoded UTF-8'],
}

/** A connection whose bytes are no request: it is told so, if it can still be told, and closed. */
function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  const { body } = isTooLarge
    ? new Problem('TOO_LARGE', 'headers: they are over 16 KiB')
    : new Problem('BAD_FRAME', 'The bytes are no HTTP request.')
  const text = JSON.stringify(body)
  socket.end(
    `HTTP/1.1 ${isTooLarge ? '413 Payload Too Large' : '400 Bad Request'}\r\nconnection: close\r\n` +
      `content-type: application/json; charset=utf-8\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
  )
}

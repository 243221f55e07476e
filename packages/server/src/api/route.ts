import type { Identity } from '../ports/access.ts'
import type { BodyCheck } from './bodies.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

/** What a request asks, once it is known to be well formed. */
export interface OpenCall<Body = undefined> {
  /** The variable parts of the path, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly body: Body
  /** A header by its name in lower case; undefined where it is absent or given twice. */
  readonly header: (name: string) => string | undefined
  readonly hasHeader: (name: string) => boolean
}

/** The same of a caller who is signed in. */
export interface Call<Body = undefined> extends OpenCall<Body> {
  readonly identity: Identity
}

/** The parameters of a query, each given at most once. */
export type Query = ReadonlyMap<string, string>

export type Answer =
  | { readonly status: number; readonly json: object }
  /** Anything else: a page, a text. */
  | {
      readonly status: number
      readonly content: string | Uint8Array
      readonly headers: Readonly<Record<string, string>>
    }

interface Place<Body> {
  readonly method: Method
  /** `/v1/rooms/:room`. */
  readonly path: string
  /** The parameters its query may have; any other is refused. */
  readonly query?: readonly string[]
  readonly body?: BodyCheck<Body>
}

/** One thing the API can do. Handlers throw Problems; the server turns them into answers. */
export type Route<Body = undefined> = Place<Body> &
  (
    | { readonly access: 'open'; handle(call: OpenCall<Body>): Answer | Promise<Answer> }
    /** `commands` and `reads` have a rate of their own for each user; administrators have none. */
    | {
        readonly access: 'user' | 'administrator'
        readonly charge: 'command' | 'read'
        handle(call: Call<Body>): Answer | Promise<Answer>
      }
  )

/** A route whatever its body: the server validates by `body` before it calls `handle`. */
export type AnyRoute = Route<unknown>

/** Checks the body's type of one route and forgets it, so that routes can stand in one list. */
export function route<Body = undefined>(route: Route<Body>): AnyRoute {
  return route as AnyRoute
}

export function json(status: number, json: object): Answer {
  return { status, json }
}

import type { Answers, Bodies, ErrorCode } from '@holdfast/protocol'
import type { Identity } from '../ports/access.ts'
import type { Parameters, Query } from './query.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

/** What a request asks, once it is known to be well formed. */
export interface OpenCall<Table extends Parameters = Parameters, Body = unknown> {
  /** The variable parts of the path, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Query<Table>
  readonly body: Body
  /** A header by its name in lower case; undefined where it is absent or given twice. */
  readonly header: (name: string) => string | undefined
  readonly hasHeader: (name: string) => boolean
}

/** The same of a caller who is signed in. */
export interface Call<Table extends Parameters = Parameters, Body = unknown> extends OpenCall<Table, Body> {
  readonly identity: Identity
}

export type Answer =
  | { readonly status: number; readonly json: object }
  /** Anything else: a page, a text. */
  | {
      readonly status: number
      readonly content: string | Uint8Array
      readonly headers: Readonly<Record<string, string>>
    }

/** Schemas are named and not imported: a start must not wait for what loads them. */
export type BodyName = keyof Bodies
export type AnswerName = keyof Answers

/** Errors and when they come; an empty text stands for the code's own sentence. */
export type Errors = Readonly<Partial<Record<ErrorCode, string>>>

/** What a route says of itself: the server goes by it, and the reference is made of it. */
export interface Description<Table extends Parameters = Parameters, Body extends BodyName = BodyName> {
  readonly method: Method
  /** `/v1/rooms/:room`. */
  readonly path: string
  /** What it does, in a sentence or two. */
  readonly summary: string
  /** The parameters its query may have; any other is refused. */
  readonly query?: Table
  /** The name of its schema. One whose fields are all optional may be left out. */
  readonly body?: Body
  /** What comes back, by status: the names of the JSON's schemas, or in words what else it is. */
  readonly answers: Readonly<Record<number, readonly AnswerName[] | string>>
  /** Those it can give beyond what any such request can. */
  readonly errors?: Errors
}

/** Who may ask. `commands` and `reads` have a rate of their own for each user; administrators have none. */
export type Access =
  | { readonly access: 'open' }
  | { readonly access: 'user' | 'administrator'; readonly charge: 'command' | 'read' }

/** One thing the API can do. Handlers throw Problems; the server turns them into answers. */
export type Route<Table extends Parameters, Body extends BodyName> = Description<Table, Body> &
  (
    | (Access & { readonly access: 'open'; handle(call: OpenCall<Table, Bodies[Body]>): Answer | Promise<Answer> })
    | (Access & {
        readonly access: 'user' | 'administrator'
        handle(call: Call<Table, Bodies[Body]>): Answer | Promise<Answer>
      })
  )

/** A route whatever its query and body: the server reads them by `query` and `body` before it calls `handle`. */
export type AnyRoute = Route<Parameters, BodyName>

/** Checks the types of one route's query and body and forgets them, so that routes can stand in one list. */
export function route<const Table extends Parameters = Record<never, never>, Body extends BodyName = never>(
  route: Route<Table, Body>,
): AnyRoute {
  return route as unknown as AnyRoute
}

export function json(status: number, json: object): Answer {
  return { status, json }
}

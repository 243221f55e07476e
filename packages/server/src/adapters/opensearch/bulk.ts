import type { Failure } from '../../ports/failure.ts'
import type { Cluster } from './cluster.ts'
import { type Complaint, classOf, failureFrom, field } from './failures.ts'

/** One write of a bulk: what stands in its two lines. */
export interface Item {
  readonly id: string
  readonly routing: string
  /** Of external kind: a lower one than what is there changes nothing. undefined replaces whatever is there. */
  readonly version: number | undefined
  readonly source: object
}

/** A search cluster takes more, but what is larger than this only takes longer. */
const BODY_UNITS_MAX = 4 << 20
const ITEMS_MAX = 1_000
const TIMEOUT_MS = 30_000
const CONFLICT = 409

/**
 * Writes all of them, in order, a few megabytes at a time. Resolves with those that can never be, once everything else is durable; throws the
 * Failure of the first that is not.
 */
export async function writeAll(cluster: Cluster, alias: string, items: readonly Item[]): Promise<readonly Item[]> {
  const refused: Item[] = []
  for (const { body, part } of bodiesOf(items)) {
    await cluster.ask({
      method: 'POST',
      path: `/${alias}/_bulk`,
      query: { require_alias: true, timeout: '5s', filter_path: 'errors,items.*.status,items.*.error' },
      body,
      timeoutMs: TIMEOUT_MS,
      check: (answer) => {
        if (field(answer, 'errors') !== false) refused.push(...judged(cluster, part, field(answer, 'items')))
      },
    })
  }
  return refused
}

/** What is refused for good; throws for the first that merely failed. */
function judged(cluster: Cluster, part: readonly Item[], answers: unknown): readonly Item[] {
  const refused: Item[] = []
  let failure: Failure | undefined
  for (const [i, item] of part.entries()) {
    const complaint = complaintOf(field(field(answers, String(i)), 'index'))
    if (complaint === undefined) continue
    if (classOf(complaint) === 'poison') refused.push(item)
    else failure ??= failureFrom(complaint, cluster.name)
  }
  if (failure !== undefined) throw failure
  return refused
}

/** undefined where the item is in, or something newer. */
function complaintOf(answer: unknown): Complaint | undefined {
  const status = Number(field(answer, 'status') ?? 0)
  if ((status >= 200 && status < 300) || status === CONFLICT) return undefined
  const error = field(answer, 'error')
  return { status, type: String(field(error, 'type') ?? ''), reason: String(field(error, 'reason') ?? 'no answer') }
}

function* bodiesOf(items: readonly Item[]): Generator<{ readonly body: string; readonly part: readonly Item[] }> {
  let body = ''
  let part: Item[] = []
  for (const item of items) {
    const lines = linesOf(item)
    if (part.length > 0 && (part.length === ITEMS_MAX || body.length + lines.length > BODY_UNITS_MAX)) {
      yield { body, part }
      body = ''
      part = []
    }
    body += lines
    part.push(item)
  }
  if (part.length > 0) yield { body, part }
}

function linesOf({ id, routing, version, source }: Item): string {
  const index = { _id: id, routing, ...(version === undefined ? {} : { version, version_type: 'external' }) }
  return `${JSON.stringify({ index })}\n${JSON.stringify(source)}\n`
}

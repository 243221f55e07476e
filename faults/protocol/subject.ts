import { isDeepStrictEqual } from 'node:util'
import type { Entry } from '@holdfast/protocol'
import type { Client, Connect, ConnectOptions, News, Place } from './client.ts'
import type { Heard } from './proxy.ts'

/** One message that the client under test was asked to send, and what its promise said. */
export interface Sent {
  readonly room: string
  readonly text: string
  place: Place | undefined
  /** What it was rejected with. */
  error: unknown
  hasEnded: boolean
}

/** The client under test, and everything that it told. */
export class Subject implements News {
  readonly client: Client
  readonly sent: Sent[] = []
  /** By room, what was shown since it was opened, or since its history was reset. */
  readonly #shown = new Map<string, Entry[]>()
  readonly #told: { readonly what: 'opened' | 'reset' | 'left'; readonly room: string }[] = []

  constructor(connect: Connect, options: Omit<ConnectOptions, 'news'>) {
    this.client = connect({ ...options, news: this })
  }

  say(room: string, text: string, clientId?: string): Sent {
    const sent: Sent = { room, text, place: undefined, error: undefined, hasEnded: false }
    this.sent.push(sent)
    this.client
      .send(room, text, clientId)
      .then(
        (place) => {
          sent.place = place
        },
        (error) => {
          sent.error = error
        },
      )
      .finally(() => {
        sent.hasEnded = true
      })
    return sent
  }

  shown(room: string): readonly Entry[] {
    return this.#shown.get(room) ?? []
  }

  /** How often this was told of the room. */
  told(what: 'opened' | 'reset' | 'left', room: string): number {
    return this.#told.filter((one) => one.what === what && one.room === room).length
  }

  entry(room: string, entry: Entry): void {
    const shown = this.#shown.get(room)
    if (shown === undefined) this.#shown.set(room, [entry])
    else shown.push(entry)
  }

  opened(room: string): void {
    this.#shown.set(room, [])
    this.#told.push({ what: 'opened', room })
  }

  reset(room: string): void {
    this.#shown.set(room, [])
    this.#told.push({ what: 'reset', room })
  }

  left(room: string): void {
    this.#told.push({ what: 'left', room })
  }
}

/** What is wrong with what was shown, held against history from `first` on. */
export function wrongShown(shown: readonly Entry[], history: readonly Entry[], first: number): string | undefined {
  let next = first
  for (const entry of shown) {
    if (entry.seq < next) return `entry ${entry.seq} was shown behind ${next - 1}: a repeat`
    if (entry.seq > next) return `entry ${entry.seq} was shown behind ${next - 1}: a hole`
    if (!isDeepStrictEqual(entry, history[next - 1])) return `entry ${next} is another one in history`
    next++
  }
  return next > history.length ? undefined : `history has ${history.length} entries, shown was up to ${next - 1}`
}

/** What is wrong with the ends of these sends, held against the room's history: each once, at its place, in the order of the calls. */
export function wrongSends(sent: readonly Sent[], history: readonly Entry[]): string | undefined {
  const texts = sent.map(({ text }) => text)
  const kept = history.flatMap((entry) => (entry.kind === 'message' && texts.includes(entry.text) ? [entry] : []))
  for (const { text, error, place } of sent) {
    if (error !== undefined) return `"${text}" was rejected: ${nameOf(error)}`
    const found = kept.filter((entry) => entry.text === text)
    if (found.length !== 1) return `"${text}" is ${found.length} times in history`
    if (found[0]?.seq !== place?.seq) return `"${text}" is entry ${found[0]?.seq}, and its send said ${place?.seq}`
  }
  const late = kept.findIndex((entry, i) => entry.text !== texts[i])
  return late < 0 ? undefined : `"${kept[late]?.text}" stands where "${texts[late]}" should: out of order`
}

/**
 * Of the commands on the wire: how many were repeated on a later connection; or what was wrong with a repeat. One that may have been
 * appended has to be marked `again`.
 */
export function repeats(heard: readonly Heard[]): { readonly count: number; readonly wrong: string | undefined } {
  const commands = new Map<unknown, { order: number; connection: number; doubtful: number }>()
  const byRef = new Map<string, unknown>()
  const last = new Map<string, number>()
  let count = 0
  for (const { connection, from, frame } of heard) {
    const { clientId, room, text, ref } = frame
    const asked = `${connection} ${ref}`
    if (from === 'server') {
      const known = commands.get(byRef.get(asked))
      if (known !== undefined && frame.appended === false) known.doubtful--
    } else if (typeof clientId === 'string') {
      const known = commands.get(clientId) ?? { order: commands.size, connection, doubtful: 0 }
      const lane = `${connection} ${frame.generation ?? 0} ${room}`
      if (known.order < (last.get(lane) ?? 0)) return { count, wrong: `"${text}" was sent again behind a later one` }
      if (connection > known.connection) count++
      if (connection > known.connection && known.doubtful > 0 && frame.again !== true)
        return { count, wrong: `"${text}" was sent again without \`again\`` }
      commands.set(clientId, { ...known, connection, doubtful: known.doubtful + 1 })
      byRef.set(asked, clientId)
      last.set(lane, known.order)
    }
  }
  return { count, wrong: undefined }
}

/** An error as a table shows it. */
export function nameOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return code === undefined ? String(message ?? error) : `${code}`
}

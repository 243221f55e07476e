import assert from 'node:assert/strict'
import type { Entry, Request, Requests } from '@holdfast/protocol'
import type { Random } from '../../src/platform.ts'
import { ABOUT } from './scene.ts'
import type { TestSocket } from './socket.ts'

/** How often a step of the model goes wrong, each from 0 to 1. */
export interface Weather {
  readonly refuse: number
  readonly appendFails: number
  readonly claim: number
  readonly gap: number
  readonly repeat: number
  readonly oldRead: number
  readonly pageFails: number
}

export const CALM: Weather = { refuse: 0, appendFails: 0, claim: 0, gap: 0, repeat: 0, oldRead: 0, pageFails: 0 }

interface Command {
  readonly id: string
  readonly room: string
  readonly sender: string
  readonly text: string
}

type Outcome = { readonly end: 'stored'; readonly entry: Entry } | { readonly end: 'refused' | 'dead' }

interface Waiter {
  readonly line: Line
  readonly ref: number
}

/** The gateway's end of a connection. */
interface Line {
  readonly socket: TestSocket
  readonly down: object[]
  /** By room (G2). */
  readonly generations: Map<string, number>
  /** How far each room was pushed. */
  readonly pushed: Map<string, number>
  isGone: boolean
}

const RESUME_MAX = 6
const PAGE_MAX = 4

/** Gateway, log and worker as one model: it keeps the rules G1 to G10, and goes wrong where they allow it. */
export class ModelGateway {
  weather: Weather = CALM
  readonly #random: Random
  readonly #rooms: readonly string[]
  readonly #lines: Line[] = []
  readonly #log: Command[] = []
  /** Appended by a request whose failure was told long ago. */
  readonly #late: Command[] = []
  readonly #outcomes = new Map<string, Outcome>()
  readonly #entries = new Map<string, Entry[]>()
  readonly #waiters = new Map<string, Waiter[]>()

  constructor(rooms: readonly string[], random: Random) {
    this.#rooms = rooms
    this.#random = random
    for (const room of rooms) this.#entries.set(room, [])
  }

  connect(socket: TestSocket): void {
    this.#lines.push({ socket, down: [], generations: new Map(), pushed: new Map(), isGone: false })
  }

  history(room: string): readonly Entry[] {
    return this.#entries.get(room) ?? []
  }

  outcome(room: string, clientId: string): Outcome | undefined {
    return this.#outcomes.get(`${room}/${clientId}`)
  }

  get isIdle(): boolean {
    return this.#log.length === 0 && this.#late.length === 0 && this.#lines.every((line) => isQuiet(line))
  }

  /** Somebody else says something. */
  say(room: string, text: string): void {
    this.#log.push({ id: `${room}/bob-${text}`, room, sender: 'bob', text })
  }

  /** One thing happens, somewhere. */
  step(): void {
    const line = this.#pick(this.#lines)
    switch (this.#pick(['open', 'up', 'up', 'down', 'down', 'down', 'work', 'work', 'late'] as const)) {
      case 'open':
        if (line?.socket.state === 'connecting') line.socket.open()
        break
      case 'up':
        if (line !== undefined) this.#hear(line)
        break
      case 'down': {
        const frame = line?.down.shift()
        if (frame !== undefined) line?.socket.say(frame)
        break
      }
      case 'work':
        this.#work()
        break
      case 'late': {
        const command = this.#late.shift()
        if (command !== undefined) this.#log.push(command)
        break
      }
    }
  }

  /** The client's end is told that the connection is lost; what it sent may still arrive, what was sent to it does not. */
  cut(): void {
    const line = this.#lines.at(-1)
    if (line === undefined || line.socket.state === 'closed') return
    line.down.length = 0
    line.isGone = this.#random.next() < 0.5
    line.socket.end(1006)
  }

  #hear(line: Line): void {
    const request = line.socket.said.shift()
    if (request !== undefined && !line.isGone) this.#handle(line, request)
  }

  #handle(line: Line, request: Request): void {
    switch (request.type) {
      case 'authenticate':
        this.#greet(line, request)
        break
      case 'send':
        this.#send(line, request)
        break
      case 'page':
        this.#page(line, request)
        break
      case 'refresh':
        line.down.push({ type: 'refreshed', ref: request.ref, expires: 9e12 })
        break
      default:
        assert.fail(`the model does not know ${request.type}`)
    }
  }

  #greet(line: Line, { ref, resume = [] }: Requests['authenticate']): void {
    line.down.push({ type: 'hello', ref, user: 'ann', durability: 'fsync', expires: 9e12, now: 1e9 })
    for (const room of this.#rooms) {
      const head = this.history(room).length
      const place = resume.find((place) => place.room === room)
      const from = place?.seq ?? head
      assert.ok(from <= head, 'a client is never ahead of history')
      line.pushed.set(room, from)
      if (place === undefined) line.down.push({ type: 'joined', room, epoch: 1, head, about: ABOUT })
      else line.down.push({ type: 'resumed', room, epoch: 1, seq: from, recovered: true, about: ABOUT })
      if (head - from > RESUME_MAX) this.#pushGap(line, room, from + 1, head)
      else this.#pushUpTo(line, room, head)
    }
    line.down.push({ type: 'ready' })
  }

  #send(line: Line, { ref, room, clientId, text, again, generation = 0 }: Requests['send']): void {
    const current = line.generations.get(room) ?? 0
    const command = { id: `${room}/${clientId}`, room, sender: 'ann', text }
    const outcome = again ? this.#outcomes.get(command.id) : undefined
    if (generation !== current) this.#refuse(line, ref, 'OUT_OF_ORDER', current, false)
    else if (outcome !== undefined) this.#answer({ line, ref }, command, outcome, true)
    else if (this.#chance('refuse')) this.#raise(line, ref, room, 'RATE_LIMITED', false)
    else if (this.#chance('appendFails')) this.#failAppend(line, ref, command)
    else this.#append(line, ref, command)
  }

  #append(line: Line, ref: number, command: Command): void {
    const { room } = command
    this.#waiters.set(command.id, [...(this.#waiters.get(command.id) ?? []), { line, ref }])
    this.#log.push(command)
    line.down.push({ type: 'accepted', ref, room, id: command.id, durability: 'fsync' })
  }

  #failAppend(line: Line, ref: number, command: Command): void {
    const how = this.#pick(['none', 'landed', 'late'] as const)
    if (how === 'landed') this.#log.push(command)
    if (how === 'late') this.#late.push(command)
    this.#raise(line, ref, command.room, 'LOG_UNAVAILABLE', how !== 'none')
  }

  #raise(line: Line, ref: number, room: string, code: string, appended: boolean): void {
    const generation = (line.generations.get(room) ?? 0) + 1
    line.generations.set(room, generation)
    this.#refuse(line, ref, code, generation, appended)
  }

  #refuse(line: Line, ref: number, code: string, generation: number, appended: boolean): void {
    line.down.push({ type: 'error', ref, code, message: code, retryable: true, appended, generation })
  }

  #page(line: Line, { ref, room, after = 0 }: Requests['page']): void {
    if (this.#chance('pageFails')) {
      line.down.push({ type: 'error', ref, code: 'STORE_UNAVAILABLE', message: '', retryable: true })
      return
    }
    const history = this.history(room)
    const head = this.#chance('oldRead') ? Math.floor(this.#random.next() * history.length) : history.length
    line.down.push({
      type: 'page',
      ref,
      room,
      epoch: 1,
      head,
      entries: history.slice(after, Math.min(head, after + PAGE_MAX)),
    })
  }

  #work(): void {
    const command = this.#log.shift()
    if (command === undefined) return
    const known = this.#outcomes.get(command.id)
    const outcome = known ?? this.#decide(command)
    this.#outcomes.set(command.id, outcome)
    for (const waiter of this.#waiters.get(command.id) ?? [])
      this.#answer(waiter, command, outcome, known !== undefined)
    this.#waiters.delete(command.id)
    if (known === undefined && outcome.end === 'stored') for (const line of this.#lines) this.#push(line, command.room)
  }

  #decide({ id, room, sender, text }: Command): Outcome {
    if (sender === 'ann' && this.#chance('claim')) return { end: this.#pick(['refused', 'dead'] as const) ?? 'dead' }
    const entries = this.#entries.get(room) ?? []
    const entry: Entry = { seq: entries.length + 1, id, kind: 'message', sender, at: 1, text }
    entries.push(entry)
    return { end: 'stored', entry }
  }

  #answer({ line, ref }: Waiter, { id, room }: Command, outcome: Outcome, duplicate: boolean): void {
    if (outcome.end === 'stored')
      line.down.push({ type: 'stored', ref, room, id, epoch: 1, seq: outcome.entry.seq, at: 1, duplicate })
    else line.down.push({ type: outcome.end, ref, room, id, code: 'CONFLICT', message: '' })
  }

  #push(line: Line, room: string): void {
    const [from, head] = [line.pushed.get(room), this.history(room).length]
    if (from === undefined || line.socket.state !== 'open') return
    if (this.#chance('gap')) this.#pushGap(line, room, from + 1, head)
    else this.#pushUpTo(line, room, head)
    if (this.#chance('repeat')) line.pushed.set(room, head - 1)
    if (this.#chance('repeat')) this.#pushUpTo(line, room, head)
  }

  #pushUpTo(line: Line, room: string, head: number): void {
    for (const entry of this.history(room).slice(line.pushed.get(room) ?? 0, head))
      line.down.push({ type: 'entry', room, epoch: 1, entry })
    line.pushed.set(room, head)
  }

  #pushGap(line: Line, room: string, from: number, to: number): void {
    line.down.push({ type: 'gap', room, epoch: 1, from, to })
    line.pushed.set(room, to)
  }

  #chance(of: keyof Weather): boolean {
    return this.#random.next() < this.weather[of]
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random.next() * items.length)] as Item
  }
}

function isQuiet({ socket, down }: Line): boolean {
  return socket.state === 'closed' || (socket.said.length === 0 && down.length === 0)
}

import { type CommandRequest, type Durability, type Reply, utf8Length } from '@holdfast/protocol'
import { backoffMs } from './backoff.ts'
import { type Fault, faultOf, HoldfastError } from './errors.ts'
import type { Cancel, Clock, Random } from './platform.ts'
import type { Settings } from './settings.ts'
import type { Wire } from './wire.ts'

type Without<Frame, Field extends PropertyKey> = Frame extends unknown ? Omit<Frame, Field> : never
/** What somebody wants, without what belongs to one try of it. */
export type CommandBody = Without<CommandRequest, 'ref' | 'generation' | 'again'>

export interface AcceptedAs {
  readonly room: string
  readonly id: string
  readonly durability: Durability
}

export type CommandEnd =
  | {
      readonly end: 'stored'
      readonly room: string
      readonly id: string
      readonly epoch: number
      readonly seq: number
      readonly at: number
      readonly duplicate: boolean
    }
  | { readonly end: 'already'; readonly room: string; readonly id: string }
  | { readonly end: 'refused' | 'dead'; readonly fault: Fault }

/** Somebody who waits for a command. */
export interface Watcher {
  /** Once for each connection that heard it. */
  accepted(as: AcceptedAs): void
  ended(end: CommandEnd): void
}

export interface Command {
  readonly body: CommandBody
  readonly lane: Lane
  readonly bytes: number
  readonly watchers: Set<Watcher>
  /** Its sender says that it was sent before, by an earlier client. */
  readonly again: boolean
  /** Where it stands on this connection: `accepted` counts only there (G3). */
  standing: 'queued' | 'sent' | 'accepted' | 'ended'
  accepted: AcceptedAs | undefined
  /** The number of its latest try; an error to an older one tells nothing about the present. */
  tries: number
  /** How many of its tries may have been appended. Only at none may it be abandoned (G3). */
  doubtful: number
  /** Why the latest try that failed did. */
  failed: Fault | undefined
}

/** One room's commands in the order they were asked for. */
interface Lane {
  readonly key: string
  readonly commands: Set<Command>
  /** What is to be sent on this connection, from `next` on; whoever stands elsewhere by then is passed over. */
  queue: Command[]
  next: number
  /** The room's number on this connection (G2). */
  generation: number
  /** How many may be sent and not accepted: halved by a failure, so that one refusal does not make us send hundreds in vain. */
  window: number
  sent: number
  failures: number
  /** Set while a failure's back-off runs. */
  paused: Cancel | undefined
}

interface Parts {
  readonly clock: Clock
  readonly random: Random
  readonly settings: Settings
  /** The server takes our token for expired: only a new connection helps. */
  readonly tokenExpired: () => void
}

const WINDOW_FIRST = 16

/**
 * The commands without an end, and what they owe each other: of one room, none is sent before an earlier one that failed (G2), and
 * each is sent until it has an end (G3). Knows nothing of sockets: it asks through the wire of the connection there is.
 */
export class Lanes {
  readonly #parts: Parts
  readonly #lanes = new Map<string, Lane>()
  readonly #commands = new Map<string, Command>()
  #bytes = 0
  #wire: Wire | undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * Takes a command, or joins the one that is under way with the same room and id.
   * Throws OVERLOADED where the queue is full, ID_REUSED where the other one says something else.
   */
  submit(body: CommandBody, again: boolean, watcher: Watcher): Command {
    const known = this.#commands.get(identityOf(body))
    if (known !== undefined) return join(known, body, watcher)
    const bytes = utf8Length(JSON.stringify(body))
    this.#checkRoomFor(body, bytes)
    const lane = this.#lane(laneOf(body))
    const command: Command = {
      body,
      lane,
      bytes,
      watchers: new Set([watcher]),
      again,
      standing: 'queued',
      accepted: undefined,
      tries: 0,
      doubtful: 0,
      failed: undefined,
    }
    this.#commands.set(identityOf(body), command)
    this.#bytes += bytes
    lane.commands.add(command)
    lane.queue.push(command)
    this.#pump(lane)
    return command
  }

  /**
   * A watcher gives up. Returns whether the command is thereby taken back: only where it is certain that no try of it was appended;
   * else it goes on without anybody waiting, so that those behind it keep their order.
   */
  giveUp(command: Command, watcher: Watcher): boolean {
    command.watchers.delete(watcher)
    if (command.standing === 'ended' || command.doubtful > 0) return false
    if (command.watchers.size === 0) this.#remove(command)
    return true
  }

  /** After `hello`: everything without an end is sent, in order. */
  connected(wire: Wire): void {
    this.#wire = wire
    for (const lane of this.#lanes.values()) this.#pump(lane)
  }

  disconnected(): void {
    this.#wire = undefined
    for (const lane of this.#lanes.values()) {
      lane.generation = 0
      lane.window = WINDOW_FIRST
      lane.failures = 0
      lane.paused?.()
      lane.paused = undefined
      for (const command of lane.commands) this.#stand(command, 'queued')
      requeue(lane)
      this.#forgetIfIdle(lane)
    }
  }

  /** Forgets everything and returns what had no end, for its watchers to be told. */
  close(): readonly Command[] {
    this.disconnected()
    const commands = [...this.#commands.values()]
    for (const command of commands) this.#remove(command)
    return commands
  }

  #checkRoomFor(body: CommandBody, bytes: number): void {
    const { commandsMax, commandBytesMax } = this.#parts.settings
    if (this.#commands.size < commandsMax && this.#bytes + bytes <= commandBytesMax) return
    const message = `${this.#commands.size} commands wait for their end, which is the most this client holds.`
    throw new HoldfastError('OVERLOADED', { message, clientId: body.clientId, outcome: 'not-sent' })
  }

  #lane(key: string): Lane {
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    const lane: Lane = {
      key,
      commands: new Set(),
      queue: [],
      next: 0,
      generation: 0,
      window: WINDOW_FIRST,
      sent: 0,
      failures: 0,
      paused: undefined,
    }
    this.#lanes.set(key, lane)
    return lane
  }

  #pump(lane: Lane): void {
    while (this.#wire !== undefined && lane.paused === undefined && lane.sent < lane.window) {
      const command = lane.queue[lane.next]
      if (command === undefined) break
      lane.next++
      if (command.standing === 'queued') this.#send(this.#wire, lane, command)
    }
    if (lane.next === lane.queue.length || lane.next > 1_024) {
      lane.queue.splice(0, lane.next)
      lane.next = 0
    }
  }

  #send(wire: Wire, lane: Lane, command: Command): void {
    const again = command.again || command.doubtful > 0
    const attempt = ++command.tries
    command.doubtful++
    this.#stand(command, 'sent')
    const request = {
      ...command.body,
      ...(lane.generation > 0 ? { generation: lane.generation } : {}),
      ...(again ? { again } : {}),
    }
    wire.ask(request as CommandRequest, (reply) => this.#replied(command, attempt, reply))
  }

  #replied(command: Command, attempt: number, reply: Reply): 'more' | 'done' {
    switch (reply.type) {
      case 'accepted':
        this.#accepted(command, reply)
        return 'more'
      case 'stored': {
        const { room, id, epoch, seq, at, duplicate } = reply
        this.#end(command, { end: 'stored', room, id, epoch, seq, at, duplicate })
        return 'done'
      }
      case 'refused': {
        const { room, id } = reply
        const already = reply.code === 'ALREADY'
        this.#end(command, already ? { end: 'already', room, id } : { end: 'refused', fault: finalFault(reply) })
        return 'done'
      }
      case 'dead':
        this.#end(command, { end: 'dead', fault: finalFault(reply) })
        return 'done'
      case 'error':
        this.#failed(command, attempt, reply)
        return 'done'
      default:
        return 'more'
    }
  }

  #accepted(command: Command, { room, id, durability }: AcceptedAs): void {
    // Also for an older try of this connection: the record is in the log, and the gateway will tell us its end.
    if (command.standing === 'ended') return
    this.#stand(command, 'accepted')
    command.accepted = { room, id, durability }
    const { lane } = command
    lane.failures = 0
    lane.window = Math.min(this.#parts.settings.windowMax, lane.window + 1)
    for (const watcher of [...command.watchers]) watcher.accepted(command.accepted)
    this.#pump(lane)
  }

  #failed(command: Command, attempt: number, reply: Extract<Reply, { type: 'error' }>): void {
    const fault = faultOf(reply)
    if (reply.appended === false) command.doubtful--
    if (fault.code === 'TOKEN_EXPIRED' || fault.code === 'UNAUTHENTICATED') this.#parts.tokenExpired()
    else this.#sortOut(command, attempt, fault, reply.generation ?? 0)
  }

  #sortOut(command: Command, attempt: number, fault: Fault, named: number): void {
    if (!fault.retryable) this.#end(command, { end: 'refused', fault })
    command.failed = fault
    // An ended command's lane may have been forgotten and begun anew.
    const lane = this.#lanes.get(command.lane.key) ?? command.lane
    if (named > lane.generation) this.#goBack(lane, named, fault)
    // A server that names no higher number must not make us wait for ever.
    else if (attempt === command.tries && command.standing === 'sent') this.#goBack(lane, lane.generation, fault)
  }

  /** Everything of this room that is not accepted is sent once more, oldest first, under the number the server named (G2). */
  #goBack(lane: Lane, generation: number, fault: Fault): void {
    lane.generation = generation
    for (const command of lane.commands) if (command.standing === 'sent') this.#stand(command, 'queued')
    requeue(lane)
    const { clock, random, settings } = this.#parts
    // The first that only names the number says nothing of a server in trouble.
    const isInTrouble = fault.code !== 'OUT_OF_ORDER' || lane.failures > 0
    const waitMs = isInTrouble ? (fault.retryAfterMs ?? 0) + backoffMs(lane.failures, settings, random) : 0
    lane.failures++
    lane.paused?.()
    lane.paused = undefined
    if (isInTrouble) lane.window = Math.max(1, lane.window >> 1)
    if (lane.commands.size === 0 && !isNameless(lane.key)) this.#lanes.set(lane.key, lane)
    if (waitMs === 0 || lane.commands.size === 0) this.#pump(lane)
    else
      lane.paused = clock.after(waitMs, () => {
        lane.paused = undefined
        this.#pump(lane)
      })
  }

  #end(command: Command, end: CommandEnd): void {
    if (command.standing === 'ended') return
    this.#remove(command)
    for (const watcher of [...command.watchers]) watcher.ended(end)
    this.#pump(command.lane)
  }

  #remove(command: Command): void {
    this.#stand(command, 'ended')
    this.#commands.delete(identityOf(command.body))
    this.#bytes -= command.bytes
    command.lane.commands.delete(command)
    this.#forgetIfIdle(command.lane)
  }

  #stand(command: Command, standing: Command['standing']): void {
    if (command.standing === 'sent') command.lane.sent--
    if (standing === 'sent') command.lane.sent++
    command.standing = standing
  }

  /** A number above 0 must be remembered as long as its connection lives. */
  #forgetIfIdle(lane: Lane): void {
    if (lane.commands.size > 0 || (lane.generation > 0 && this.#wire !== undefined && !isNameless(lane.key))) return
    lane.paused?.()
    lane.paused = undefined
    if (this.#lanes.get(lane.key) === lane) this.#lanes.delete(lane.key)
  }
}

function requeue(lane: Lane): void {
  lane.queue = [...lane.commands].filter(({ standing }) => standing === 'queued')
  lane.next = 0
}

function join(command: Command, body: CommandBody, watcher: Watcher): Command {
  if (JSON.stringify(command.body) !== JSON.stringify(body))
    throw new HoldfastError('ID_REUSED', { clientId: body.clientId, outcome: 'refused' })
  command.watchers.add(watcher)
  if (command.standing === 'accepted' && command.accepted !== undefined) watcher.accepted(command.accepted)
  return command
}

/** An end is an end: a code that may be tried again elsewhere may not here, except under a new id. */
function finalFault(reply: { readonly code: string; readonly message: string }): Fault {
  return { ...faultOf(reply), retryable: false }
}

/** Ids hold no control characters, so these keys can mean nothing else. A room that gets its id from the server has a lane of its own. */
const NAMELESS = '\u0001'

function laneOf(body: CommandBody): string {
  return body.room ?? NAMELESS + body.clientId
}

function isNameless(lane: string): boolean {
  return lane.startsWith(NAMELESS)
}

function identityOf(body: CommandBody): string {
  return `${laneOf(body)}\u0000${body.clientId}`
}

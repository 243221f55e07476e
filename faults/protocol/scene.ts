import { randomBytes } from 'node:crypto'
import type { Connect } from './client.ts'
import { FaultProxy } from './proxy.ts'
import type { Server } from './server.ts'
import { Session } from './session.ts'
import { Subject } from './subject.ts'

/** A rule that is broken: the message says what was seen instead. */
export class Broken extends Error {}

/** A rule that this run cannot judge: the message says what it needs. */
export class NotJudged extends Error {}

export interface SceneOptions {
  readonly server: Server
  readonly clientName: string
  readonly connect: Connect
  /** What a hanging rule is ended by; nothing is measured with it. */
  readonly deadlineMs: number
}

/** Where one rule is tried: users, rooms, proxies and clients of its own, gone when it ends. */
export class Scene {
  readonly server: Server
  readonly clientName: string
  readonly deadlineMs: number
  readonly #connect: Connect
  readonly #run = randomBytes(4).toString('hex')
  readonly #proxies: FaultProxy[] = []
  readonly #subjects: Subject[] = []
  readonly #sessions: Session[] = []
  readonly #end: NodeJS.Timeout
  #isOver = false

  constructor({ server, clientName, connect, deadlineMs }: SceneOptions) {
    this.server = server
    this.clientName = clientName
    this.deadlineMs = deadlineMs
    this.#connect = connect
    this.#end = setTimeout(() => this.#hangUp(), deadlineMs)
  }

  /** A user, or a room, that nobody else has. */
  name(word: string): string {
    return `${word}-${this.#run}`
  }

  async proxy(): Promise<FaultProxy> {
    const proxy = await FaultProxy.open(this.server.url)
    if (!this.#isOver) this.#proxies.push(proxy)
    else await proxy[Symbol.asyncDispose]()
    return proxy
  }

  /** The client under test, behind a proxy. */
  subject(user: string, { url }: { readonly url: string }, getToken = () => this.server.token(user)): Subject {
    const subject = new Subject(this.#connect, { url, getToken })
    if (this.#isOver) subject.client.close()
    this.#subjects.push(subject)
    return subject
  }

  /** A bare connection to the server itself, signed in. */
  async session(user: string): Promise<Session> {
    const session = await this.bareSession()
    await session.enter(await this.server.token(user))
    return session
  }

  /** One on which nothing was said yet. */
  async bareSession(): Promise<Session> {
    const session = await Session.open(this.server.url)
    if (this.#isOver) session.close()
    this.#sessions.push(session)
    return session
  }

  /** Waits until the condition holds. */
  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    for (;;) {
      // First: what holds because everything was closed tells nothing.
      if (this.#isOver) throw new Broken(`waited ${this.deadlineMs / 1_000} s in vain: ${what}`)
      if (await holds()) return
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  /** Waits for a promise that a broken client, or a broken server, may never settle. */
  async settled<T>(what: string, promise: Promise<T>): Promise<T> {
    let isSettled = false
    const settled = promise.finally(() => {
      isSettled = true
    })
    settled.catch(() => {})
    await this.until(what, () => isSettled)
    return settled
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#end)
    this.#hangUp()
    for (const proxy of this.#proxies) await proxy[Symbol.asyncDispose]()
  }

  #hangUp(): void {
    this.#isOver = true
    for (const subject of this.#subjects) subject.client.close()
    for (const session of this.#sessions) session.close()
  }
}

/** What is wrong, if anything is, is the rule's end. */
export function right(wrong: string | undefined): void {
  if (wrong !== undefined) throw new Broken(wrong)
}

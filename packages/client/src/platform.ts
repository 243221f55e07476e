/**
 * What the platform gives us: time, chance, sockets. This file alone reads the platform's globals,
 * so that a test or a simulator can hand in its own and replay a run.
 */

/** Cancels what was scheduled; may be called twice. */
export type Cancel = () => void

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z; may jump. */
  now(): number
  /** Milliseconds that never go back; only differences mean something. */
  elapsed(): number
  after(ms: number, call: () => void): Cancel
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Fills the bytes, unpredictably. */
  fill(bytes: Uint8Array<ArrayBuffer>): void
}

/** As much of a WebSocket as the SDK uses: browsers, Node and the package `ws` have it. */
export interface WebSocketLike {
  send(data: string): void
  close(code?: number, reason?: string): void
  addEventListener(name: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(name: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void
  addEventListener(name: 'open' | 'error', listener: () => void): void
}

export type WebSocketConstructor = new (url: string, protocols: string) => WebSocketLike

/** As much of `fetch` as the SDK uses. */
export type Fetch = (
  url: string,
  options: { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal },
) => Promise<Pick<Response, 'ok' | 'status' | 'json'>>

export const systemFetch: Fetch = (url, options) => fetch(url, options)

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, call) {
    // A longer time overflows to no time at all.
    const timer = setTimeout(call, Math.min(ms, 2 ** 31 - 1))
    return () => clearTimeout(timer)
  },
}

export const systemRandom: Random = {
  next: () => Math.random(),
  fill: (bytes) => {
    crypto.getRandomValues(bytes)
  },
}

/** Throws on a platform that is too old, before something in it is missing without a word. */
export function checkPlatform(): void {
  if (typeof Promise.withResolvers === 'function') return
  throw new TypeError('The Holdfast SDK needs Node 22 or newer, or a browser from 2024 on: this platform is older.')
}

/** The platform's own WebSocket. */
export function systemWebSocket(): WebSocketConstructor {
  const { WebSocket } = globalThis as { WebSocket?: WebSocketConstructor }
  if (WebSocket === undefined) throw new TypeError('This platform has no WebSocket: hand one in as `webSocket`.')
  return WebSocket
}

import type { Shelf } from './unsent.ts'

/** Who this window is. It lives in the window's own storage, so that two windows can be two people. */
export interface Session {
  readonly user: string
  readonly token: string
  /** Milliseconds since 1970, by the server's clock. */
  readonly expires: number
  /** Signed in by name: a new token is had by asking again. */
  readonly byName: boolean
}

const KEY = 'holdfast:session'
/** A token that has less left is not worth connecting with. */
const LEFT_MS_MIN = 90_000

export class SignInError extends Error {}

export function readSession(shelf: Shelf): Session | undefined {
  try {
    const session = JSON.parse(shelf.getItem(KEY) ?? 'null') as Session | null
    return session ?? undefined
  } catch {
    return undefined
  }
}

export function writeSession(shelf: Shelf, session: Session | undefined): void {
  if (session === undefined) shelf.removeItem(KEY)
  else shelf.setItem(KEY, JSON.stringify(session))
}

/** Whether this server lets people in by name alone, as an installation for trying things out does. */
export async function isSignInByNameOffered(): Promise<boolean> {
  const { offered } = (await answer(await fetch('/v1/sign-in'))) as { offered: boolean }
  return offered
}

export async function signInByName(user: string): Promise<Session> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch('/v1/sign-in', { method: 'POST', headers, body: JSON.stringify({ user }) })
  const { token, expires } = (await answer(response)) as { token: string; expires: number }
  return { user, token, expires, byName: true }
}

/** A session from a token that was made elsewhere: the app's own backend, or `holdfast token`. */
export function sessionOf(token: string): Session {
  try {
    const payload = (token.trim().split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')
    const json = new TextDecoder().decode(Uint8Array.from(atob(payload), (char) => char.charCodeAt(0)))
    const { sub, exp } = JSON.parse(json) as { sub?: unknown; exp?: unknown }
    if (typeof sub === 'string' && typeof exp === 'number')
      return { user: sub, token: token.trim(), expires: exp * 1000, byName: false }
  } catch {
    // Said below: whatever is wrong with it, it is not a token.
  }
  throw new SignInError('This is not a token: it should be three parts with dots between them.')
}

/** A token that is good for a while. */
export async function freshToken(session: Session, now: number): Promise<Session> {
  if (session.expires - now > LEFT_MS_MIN || !session.byName) return session
  return signInByName(session.user)
}

export interface Member {
  readonly user: string
  readonly role: string
}

/** The members of a room: the first page of them, and whether there are more. */
export async function membersOf(room: string, token: string): Promise<{ members: readonly Member[]; more: boolean }> {
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`/v1/rooms/${encodeURIComponent(room)}`, { headers })
  const { members, membersNext } = (await answer(response)) as { members: Member[]; membersNext: string | null }
  return { members, more: membersNext !== null }
}

async function answer(response: Response): Promise<unknown> {
  const body = (await response.json().catch(() => undefined)) as { message?: string } | undefined
  if (response.ok && body !== undefined) return body
  throw new SignInError(body?.message ?? `The server answered ${response.status}.`)
}

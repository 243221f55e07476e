import { Problem } from '../core/problem.ts'
import type { Timestamp, UserId } from '../ports/store.ts'
import { type AnyRoute, json, type OpenCall, route } from './route.ts'

/** Signs a token for this user. */
export type SignIn = (user: UserId) => Promise<{ readonly token: string; readonly expires: Timestamp }>

/**
 * Sign-in by name, for trying things out. It is offered only where nobody but this machine's user can reach it: `signIn` is undefined
 * unless the server is bound to loopback and no keys are configured, and each request must look as if it came straight from a browser here.
 */
export function signInRoutes(signIn: SignIn | undefined): readonly AnyRoute[] {
  const path = '/v1/sign-in'
  return [
    route({
      method: 'GET',
      path,
      summary: 'Says whether sign-in by name is offered to this caller.',
      access: 'open',
      answers: { 200: ['signInOffered'] },
      handle: (call) => json(200, { offered: signIn !== undefined && isLocal(call) }),
    }),
    route({
      method: 'POST',
      path,
      summary:
        'Gives a token for any name, for trying things out: only on an address of this machine, and only while no keys are set.',
      access: 'open',
      body: 'signIn',
      answers: { 200: ['signedIn'] },
      errors: { NOT_FOUND: 'It is not offered.' },
      async handle(call) {
        if (signIn === undefined || !isLocal(call)) throw new Problem('NOT_FOUND')
        const { user } = call.body
        return json(200, { ...(await signIn(user)), user })
      },
    }),
  ]
}

const FORWARDING = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via']
const LOCAL_HOST = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?$/i

/**
 * A Host of another name is a page that was rebound to this address; a forwarding header is a proxy, behind which anybody may be;
 * another Origin is a page of somebody else in the same browser.
 */
function isLocal({ header, hasHeader }: Pick<OpenCall, 'header' | 'hasHeader'>): boolean {
  const host = header('host')
  if (host === undefined || !LOCAL_HOST.test(host)) return false
  if (FORWARDING.some(hasHeader)) return false
  return !hasHeader('origin') || header('origin')?.toLowerCase() === `http://${host.toLowerCase()}`
}

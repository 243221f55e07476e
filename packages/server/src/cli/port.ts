import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Config } from '../config/config.ts'

type Place = Pick<Config, 'host' | 'port'>

/**
 * Rejects where a server could not listen here. Asked before anything is made, so that a start which finds its port taken leaves no
 * data folder behind; the server itself listens only when it is ready.
 */
export async function checkPort({ host, port }: Place): Promise<void> {
  const probe = createServer().listen({ host, port })
  await once(probe, 'listening')
  probe.close()
  await once(probe, 'close')
}

/** What to do about an error of listening; undefined for any other error. */
export function portAdvice(error: unknown, { host, port }: Place): string | undefined {
  const elsewhere = 'take another port with --port (`npm start -- --port 9000`)'
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `port ${port} of ${host} is taken: another server runs there. Stop it, or ${elsewhere}.`
    case 'EACCES':
      return `port ${port} of ${host} may not be listened on by this user: ${elsewhere}.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `the host ${host} is no address of this machine: take another one with --host.`
    default:
      return undefined
  }
}

/** The code of a failed listen or look-up; that of a failed file has another `syscall`. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined
  return error.syscall === 'listen' || error.syscall === 'getaddrinfo' ? String(error.code) : undefined
}

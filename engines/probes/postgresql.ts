import { type Door, exchange } from './exchange.ts'

const VERSION_3 = 196_608
const AUTHENTICATION = 'R'

/** A start-up message: https://www.postgresql.org/docs/current/protocol-message-formats.html. A server that still recovers answers `E`. */
export async function postgresqlAnswers(door: Door): Promise<boolean> {
  const parameters = Buffer.from('user\0postgres\0database\0postgres\0\0')
  const request = Buffer.alloc(8 + parameters.length)
  request.writeInt32BE(request.length, 0)
  request.writeInt32BE(VERSION_3, 4)
  parameters.copy(request, 8)
  const answer = await exchange(door, request, () => 1)
  return answer.toString('latin1') === AUTHENTICATION
}

import { type Door, exchange } from './exchange.ts'

const OP_MSG = 2013
const OK = Buffer.from('\x01ok\0\0\0\0\0\0\0\xf0\x3f', 'latin1') // a BSON double, "ok", 1.0

/**
 * Sends `ping` as an OP_MSG (mongo-java-server knows no `hello`): https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#op_msg.
 * With TLS `hello`, for a server that answers nothing else to strangers.
 */
export async function mongodbAnswers(door: Door): Promise<boolean> {
  const command = door.caFile === undefined ? 'ping' : 'hello'
  const fields = Buffer.from(`\x10${command}\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0`, 'latin1')
  const request = Buffer.alloc(16 + 4 + 1 + 4 + fields.length + 1)
  request.writeInt32LE(request.length, 0)
  request.writeInt32LE(1, 4) // this request's id
  request.writeInt32LE(OP_MSG, 12)
  request.writeInt32LE(4 + fields.length + 1, 21) // one section of kind 0: a BSON document
  fields.copy(request, 25)
  const answer = await exchange(door, request, (received) =>
    received.length < 4 ? undefined : received.readInt32LE(0),
  )
  return answer.readInt32LE(12) === OP_MSG && answer.includes(OK)
}

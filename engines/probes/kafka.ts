import { type Door, exchange } from './exchange.ts'

const METADATA = { api: 3, version: 1 }
const API_VERSIONS = { api: 18, version: 0 }
const CORRELATION = 7

/**
 * Asks for the cluster's brokers and no topic: https://kafka.apache.org/protocol#The_Messages_Metadata, version 1. With TLS, where
 * that is not told to strangers, for the versions it speaks.
 */
export async function kafkaAnswers({
  brokers = 1,
  ...door
}: Door & { brokers?: number | undefined }): Promise<boolean> {
  const isStranger = door.caFile !== undefined
  const { api, version } = isStranger ? API_VERSIONS : METADATA
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + (isStranger ? 0 : 4))
  request.writeInt32BE(request.length - 4, 0)
  request.writeInt16BE(api, 4)
  request.writeInt16BE(version, 6)
  request.writeInt32BE(CORRELATION, 8)
  request.writeInt16BE(-1, 12) // no client id
  if (!isStranger) request.writeInt32BE(0, 14) // no topics
  const answer = await exchange(door, request, (received) =>
    received.length < 4 ? undefined : 4 + received.readInt32BE(0),
  )
  if (answer.readInt32BE(4) !== CORRELATION) return false
  // Size and correlation id come first, then an error code, or the brokers in service.
  return isStranger ? answer.readInt16BE(8) === 0 : answer.readInt32BE(8) >= brokers
}

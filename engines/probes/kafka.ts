import { exchange } from './exchange.ts'

const METADATA = 3
const VERSION = 1
const CORRELATION = 7

/** Asks for the cluster's brokers and no topic: https://kafka.apache.org/protocol#The_Messages_Metadata, version 1. */
export async function kafkaAnswers({ port, brokers = 1 }: { port: number; brokers?: number }): Promise<boolean> {
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + 4)
  request.writeInt32BE(request.length - 4, 0)
  request.writeInt16BE(METADATA, 4)
  request.writeInt16BE(VERSION, 6)
  request.writeInt32BE(CORRELATION, 8)
  request.writeInt16BE(-1, 12) // no client id
  request.writeInt32BE(0, 14) // no topics
  const answer = await exchange(port, request, (received) =>
    received.length < 4 ? undefined : 4 + received.readInt32BE(0),
  )
  // Size and correlation id come first, then the brokers in service.
  return answer.readInt32BE(4) === CORRELATION && answer.readInt32BE(8) >= brokers
}

import type { MessagePort } from 'node:worker_threads'
import type { Event } from './wire.ts'

/** Sends events to the other end: everything one microtask turn made ready crosses as one message. */
export function sendTo(port: MessagePort): (event: Event) => void {
  let outgoing: Event[] = []
  return (event) => {
    if (outgoing.length === 0) {
      queueMicrotask(() => {
        const events = outgoing
        outgoing = []
        port.postMessage(events)
      })
    }
    outgoing.push(event)
  }
}

import type { MessagePort } from 'node:worker_threads'
import type { Event } from './wire.ts'

/**
 * Sends an event to the other end. One that is not `urgent` leaves with the next that is, and at the end of this turn of the event loop
 * at the latest.
 */
export type Send = (event: Event, isUrgent?: boolean) => void

/** Everything one microtask turn made ready crosses as one message. */
export function sendTo(port: MessagePort): Send {
  let outgoing: Event[] = []
  let isLeaving = false
  const flush = () => {
    isLeaving = false
    if (outgoing.length === 0) return
    const events = outgoing
    outgoing = []
    port.postMessage(events)
  }
  return (event, isUrgent = true) => {
    outgoing.push(event)
    if (!isUrgent) setImmediate(flush)
    else if (!isLeaving) {
      isLeaving = true
      queueMicrotask(flush)
    }
  }
}

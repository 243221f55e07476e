import { Failure, type FailureClass, failureClass } from '../ports/failure.ts'
import type { LogRecord, StoredRecord } from '../ports/log.ts'

/**
 * What the two threads of one process say to each other. Everything that one turn of the event loop made ready crosses as
 * one message, because a crossing costs more than what it carries.
 */

/** From the main thread: calls of ports that live in the engine thread. */
export interface Call {
  readonly call: number
  readonly target: string
  readonly method: string
  readonly args: readonly unknown[]
}

/** To the main thread. */
export type Event =
  /** With what the thread says of itself. */
  | { readonly event: 'ready'; readonly about: unknown }
  | { readonly event: 'failed'; readonly class: FailureClass; readonly message: string }
  | { readonly event: 'result'; readonly call: number; readonly value: unknown }
  | { readonly event: 'error'; readonly call: number; readonly class: FailureClass; readonly message: string }
  | { readonly event: 'established' }
  | { readonly event: 'records'; readonly records: Packed }
  | { readonly event: 'broken'; readonly message: string }
  | { readonly event: 'alert'; readonly kind: string; readonly fields: object }

/** Records whose values share one buffer: cloning many small ones would copy the pool behind each. */
export interface Packed {
  readonly keys: readonly string[]
  readonly headers: readonly Readonly<Record<string, string>>[]
  readonly ends: readonly number[]
  readonly values: Uint8Array
  /** partition, offset and timestamp of each; absent for records on their way into a log. */
  readonly places: readonly number[] | undefined
}

export function pack(records: readonly LogRecord[]): Packed {
  return packed(records, undefined)
}

export function packStored(records: readonly StoredRecord[]): Packed {
  const places: number[] = []
  for (const { partition, offset, timestamp } of records) places.push(partition, offset, timestamp)
  return packed(records, places)
}

function packed(records: readonly LogRecord[], places: readonly number[] | undefined): Packed {
  const keys: string[] = []
  const headers: Readonly<Record<string, string>>[] = []
  const ends: number[] = []
  let length = 0
  for (const record of records) {
    keys.push(record.key)
    headers.push(record.headers)
    length += record.value.byteLength
    ends.push(length)
  }
  const values = new Uint8Array(length)
  records.forEach((record, i) => {
    values.set(record.value, i === 0 ? 0 : ends[i - 1])
  })
  return { keys, headers, ends, values, places }
}

export function unpack({ keys, headers, ends, values }: Packed): LogRecord[] {
  return keys.map((key, i) => ({
    key,
    headers: headers[i] ?? {},
    value: values.subarray(i === 0 ? 0 : ends[i - 1], ends[i]),
  }))
}

export function unpackStored(records: Packed): StoredRecord[] {
  const places = records.places ?? []
  return unpack(records).map((record, i) => ({
    ...record,
    partition: places[3 * i] ?? 0,
    offset: places[3 * i + 1] ?? 0,
    timestamp: places[3 * i + 2] ?? 0,
  }))
}

export function describe(error: unknown): { class: FailureClass; message: string } {
  return { class: failureClass(error), message: error instanceof Error ? error.message : String(error) }
}

export function revive({ class: kind, message }: { class: FailureClass; message: string }): Failure {
  return new Failure(kind, message)
}

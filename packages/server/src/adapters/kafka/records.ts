import type { MessageToProduce, RecordsBatch } from '@platformatic/kafka'
import type { LogRecord, Offset, StoredRecord } from '../../ports/log.ts'

/** Attribute bits of a record batch: https://kafka.apache.org/documentation/#recordbatch */
const LOG_APPEND_TIME = 0x08
const CONTROL = 0x20

/** What a batch takes beside its records, and a record or a header beside its bytes, at most. */
const BATCH_OVERHEAD = 80
const RECORD_OVERHEAD = 40
const HEADER_OVERHEAD = 10

export function messageOf(topic: string, partition: number, { key, headers, value }: LogRecord): MessageToProduce {
  return {
    topic,
    partition,
    key: Buffer.from(key),
    // A map, because a header may be called `__proto__`.
    headers: new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
    value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  }
}

/** Splits records into batches of which none is longer than `bytesMax`; undefined where one record alone is. */
export function batchesOf(
  records: readonly LogRecord[],
  bytesMax: number,
): readonly (readonly LogRecord[])[] | undefined {
  const batches: LogRecord[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const record of records) {
    const more = bytesOf(record)
    if (BATCH_OVERHEAD + more > bytesMax) return undefined
    if (bytes + more > bytesMax) {
      batches.push([])
      bytes = BATCH_OVERHEAD
    }
    batches.at(-1)?.push(record)
    bytes += more
  }
  return batches
}

function bytesOf({ key, headers, value }: LogRecord): number {
  let bytes = RECORD_OVERHEAD + Buffer.byteLength(key) + value.byteLength
  for (const [name, text] of Object.entries(headers))
    bytes += HEADER_OVERHEAD + Buffer.byteLength(name) + Buffer.byteLength(text)
  return bytes
}

/** The records of these batches at or above `from`, and where the next fetch goes on: behind records of control, too. */
export function recordsOf(partition: number, batches: readonly RecordsBatch[], from: Offset) {
  const records: StoredRecord[] = []
  let next = from
  for (const batch of batches) {
    const first = Number(batch.firstOffset)
    next = Math.max(next, first + batch.lastOffsetDelta + 1)
    if ((batch.attributes & CONTROL) !== 0) continue
    for (const record of batch.records) {
      const offset = first + record.offsetDelta
      if (offset < from) continue
      const stampedByLog = (batch.attributes & LOG_APPEND_TIME) !== 0
      const timestamp = Number(stampedByLog ? batch.maxTimestamp : batch.firstTimestamp + record.timestampDelta)
      records.push({
        partition,
        offset,
        timestamp,
        // Of somebody else's records anything may be missing, and nothing need be UTF-8: the core judges what it is given.
        key: record.key?.toString() ?? '',
        headers: headersOf(record.headers),
        // A copy: a view would keep the whole answer of the broker in memory.
        value: new Uint8Array(record.value ?? NOTHING),
      })
    }
  }
  return { records, next }
}

const NOTHING = new Uint8Array()

/** Done for each record of every reader: one by one this takes half as long as by entries. */
function headersOf(headers: RecordsBatch['records'][number]['headers']): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {}
  for (const [name, text] of headers) {
    const key = name?.toString() ?? ''
    // A header of this name would be no property, but the prototype.
    if (key === '__proto__')
      return Object.fromEntries(headers.map(([name, text]) => [String(name ?? ''), String(text ?? '')]))
    texts[key] = text?.toString() ?? ''
  }
  return texts
}

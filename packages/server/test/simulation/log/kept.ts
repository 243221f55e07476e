import type { LogRecord, Offset, ReadLimit, StoredRecord } from '../../../src/ports/log.ts'

/** One partition as it lies on the brokers' disks. Invariant: the offsets of `#records` rise; each lies from `begin` to below `end`. */
export class Kept {
  readonly partition: number
  readonly name: string
  /** How wrong the clock is that stamps the records. */
  clockOffMs = 0
  #records: StoredRecord[] = []
  #begin: Offset = 0
  #end: Offset = 0
  readonly #waiting = new Set<Waiting>()
  readonly #onAppended: (() => void)[] = []

  constructor(log: string, partition: number) {
    this.partition = partition
    this.name = `${log}/${partition}`
  }

  get begin(): Offset {
    return this.#begin
  }

  get end(): Offset {
    return this.#end
  }

  get records(): readonly StoredRecord[] {
    return this.#records
  }

  append(records: readonly LogRecord[], now: number): readonly Offset[] {
    const offsets: Offset[] = []
    for (const record of records) {
      const offset = this.#end++
      offsets.push(offset)
      this.#records.push({ ...record, partition: this.partition, offset, timestamp: now + this.clockOffMs })
    }
    for (const waiting of this.#waiting) if (this.has(waiting.from, waiting.records)) waiting.call()
    for (const call of this.#onAppended) call()
    return offsets
  }

  /** Numbers that no record will ever have. */
  leaveOut(offsets: number): void {
    this.#end += offsets
  }

  /** Trims what lies below, as far as it is that old. */
  trim(below: Offset, olderThan: number): void {
    let count = 0
    for (const { offset, timestamp } of this.#records) {
      if (offset >= below || timestamp >= olderThan) break
      count++
    }
    const last = this.#records[count - 1]
    if (last === undefined) return
    this.#records = this.#records.slice(count)
    this.#begin = last.offset + 1
  }

  read(from: Offset, { recordsMax, bytesMax }: ReadLimit): { records: readonly StoredRecord[]; next: Offset } {
    const taken: StoredRecord[] = []
    let bytes = 0
    for (let i = this.#indexOf(from); i < this.#records.length && taken.length < recordsMax; i++) {
      const record = this.#records[i] as StoredRecord
      bytes += record.value.length
      // One record is always given, or a reader would never get past a long one.
      if (bytes > bytesMax && taken.length > 0) break
      taken.push(record)
    }
    const last = taken.at(-1)
    return { records: taken, next: last === undefined ? from : last.offset + 1 }
  }

  /** What is there from an offset on: how many records, and the first one's timestamp. */
  from(offset: Offset): { records: number; oldest: number | undefined } {
    const first = this.#indexOf(offset)
    return { records: this.#records.length - first, oldest: this.#records[first]?.timestamp }
  }

  has(from: Offset, records: number): boolean {
    return this.#records.length - this.#indexOf(from) >= records
  }

  /** Calls whenever that many records are there from an offset on, until the function returned is called. */
  wait(from: Offset, records: number, call: () => void): () => void {
    const waiting = { from, records, call }
    this.#waiting.add(waiting)
    return () => this.#waiting.delete(waiting)
  }

  onAppended(call: () => void): void {
    this.#onAppended.push(call)
  }

  /** The index of the first record at or above an offset. */
  #indexOf(offset: Offset): number {
    const records = this.#records
    // Readers are mostly at the end.
    if (offset > (records.at(-1)?.offset ?? -1)) return records.length
    let low = 0
    let high = records.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((records[middle] as StoredRecord).offset < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

interface Waiting {
  readonly from: Offset
  readonly records: number
  readonly call: () => void
}

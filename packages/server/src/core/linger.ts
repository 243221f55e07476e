import type { OwnedPartition, ReadLimit, StoredRecord } from '../ports/log.ts'
import type { Clock } from '../ports/system.ts'

export interface Lingering {
  readonly clock: Clock
  /** How long to wait for more behind a first record; 0 takes what is there. */
  readonly lingerMs: number
  /** Ends the waiting. */
  readonly ending: AbortSignal
}

/** Reads, and waits a moment for more behind the first record. What was read is never given up: the partition would go on behind it. */
export async function readLingering(
  owned: Pick<OwnedPartition, 'read'>,
  limit: ReadLimit & { readonly waitMs: number },
  { clock, lingerMs, ending }: Lingering,
): Promise<readonly StoredRecord[]> {
  const first = await owned.read(limit)
  const recordsMax = limit.recordsMax - first.length
  const bytesMax = first.reduce((left, { value }) => left - value.length, limit.bytesMax)
  if (lingerMs === 0 || first.length === 0 || recordsMax <= 0 || bytesMax <= 0) return first
  await clock.sleep(lingerMs, ending)
  try {
    const more = await owned.read({ recordsMax, bytesMax, waitMs: 0 })
    return more.length === 0 ? first : [...first, ...more]
  } catch {
    // The next read meets the same failure, and has nothing to lose.
    return first
  }
}

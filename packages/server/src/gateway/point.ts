/** A place in a room's history: epochs first. */
export interface Point {
  readonly epoch: number
  readonly seq: number
}

/** Whether a place lies after another; numbers, because everybody in a room asks this for every entry. */
export function isBeyond(epoch: number, seq: number, thanEpoch: number, thanSeq: number): boolean {
  return epoch > thanEpoch || (epoch === thanEpoch && seq > thanSeq)
}

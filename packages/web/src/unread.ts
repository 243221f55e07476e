import type { Shelf } from './unsent.ts'

/** What a room in the list says: nothing new, something new in a room never looked at here, or how many entries are. */
export type Unread =
  | { readonly unread: 'none' }
  | { readonly unread: 'new' }
  | { readonly unread: 'some'; readonly count: number }

/** How far each room was looked at on this device, as `epoch:seq`. Kept across windows, so one person's windows agree. */
export class SeenShelf {
  readonly #shelf: Shelf
  readonly #prefix: string

  constructor(shelf: Shelf, user: string) {
    this.#shelf = shelf
    this.#prefix = `holdfast:seen:${user}:`
  }

  /** Undefined for a room that was never looked at, or whose history was restored since. */
  read(room: string, epoch: number): number | undefined {
    const [seenEpoch, seq] = (this.#shelf.getItem(this.#prefix + room) ?? '').split(':').map(Number)
    return seenEpoch === epoch ? seq : undefined
  }

  write(room: string, epoch: number, seq: number): void {
    if ((this.read(room, epoch) ?? -1) >= seq) return
    try {
      this.#shelf.setItem(this.#prefix + room, `${epoch}:${seq}`)
    } catch {
      // Without storage every room looks new after a reload; nothing is lost.
    }
  }
}

/** What several rooms have new together: a number where one is known. */
export function together(rooms: readonly Unread[]): Unread {
  const count = rooms.reduce((sum, room) => sum + (room.unread === 'some' ? room.count : 0), 0)
  if (count > 0) return { unread: 'some', count }
  return { unread: rooms.some((room) => room.unread === 'new') ? 'new' : 'none' }
}

const countMax = 99

/** As a badge says it. */
export function countName(count: number): string {
  return count > countMax ? `${countMax}+` : String(count)
}

export function unread(head: number, seen: number | undefined): Unread {
  if (seen === undefined) return head > 0 ? { unread: 'new' } : { unread: 'none' }
  return head > seen ? { unread: 'some', count: head - seen } : { unread: 'none' }
}

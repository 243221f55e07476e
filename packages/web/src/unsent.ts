import type { FailedOutcome, Pending } from './timeline.ts'

/** As much of the browser's storage as is used here. */
export interface Shelf {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

export type Unsent = Readonly<Record<string, readonly Pending[]>>

/**
 * One's own messages without a place in history, by room: they outlive a reload of the page. What has an answer that is final keeps it;
 * everything else is sent again under its own id, which changes nothing if it had arrived.
 */
export class UnsentShelf {
  readonly #shelf: Shelf
  readonly #key: string

  constructor(shelf: Shelf, user: string) {
    this.#shelf = shelf
    this.#key = `holdfast:unsent:${user}`
  }

  read(): Unsent {
    const rooms: Record<string, readonly Pending[]> = Object.create(null)
    for (const [room, list] of Object.entries(parsed(this.#shelf.getItem(this.#key)))) {
      if (Array.isArray(list)) rooms[room] = list.filter(isKept).map(restored)
    }
    return rooms
  }

  write(rooms: Iterable<readonly [room: string, messages: readonly Pending[]]>): void {
    const kept = [...rooms]
      .map(
        ([room, messages]) => [room, messages.filter(({ status }) => status.state !== 'stored').map(shelved)] as const,
      )
      .filter(([, messages]) => messages.length > 0)
    try {
      if (kept.length === 0) this.#shelf.removeItem(this.#key)
      else this.#shelf.setItem(this.#key, JSON.stringify(Object.fromEntries(kept)))
    } catch {
      // A full or forbidden storage costs only what a reload would have kept.
    }
  }
}

interface Kept {
  readonly clientId: string
  readonly text: string
  readonly at: number
  readonly failed?: { readonly outcome: FailedOutcome; readonly message: string }
}

function shelved({ clientId, text, at, status }: Pending): Kept {
  const kept = { clientId, text, at }
  if (status.state !== 'failed' || !isFinal(status.outcome)) return kept
  return { ...kept, failed: { outcome: status.outcome, message: status.message } }
}

function restored({ clientId, text, at, failed }: Kept): Pending {
  return { clientId, text, at, id: undefined, status: failed ? { state: 'failed', ...failed } : { state: 'sending' } }
}

/** Whether a new try must be a new message: this one has had its answer. */
export function isFinal(outcome: FailedOutcome): boolean {
  return outcome === 'refused' || outcome === 'dead'
}

function isKept(value: unknown): value is Kept {
  const { clientId, text, at } = (value ?? {}) as Partial<Kept>
  return typeof clientId === 'string' && typeof text === 'string' && typeof at === 'number'
}

function parsed(json: string | null): object {
  try {
    const value: unknown = JSON.parse(json ?? '{}')
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

import type { Random } from '../../ports/system.ts'

/** Chance for jitter and sampling; nothing secret is made from it. */
export const systemRandom: Random = { next: () => Math.random() }

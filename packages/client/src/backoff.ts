import type { Random } from './platform.ts'

/** Full jitter under a ceiling that doubles with each failure: those who were cut off together do not come back together. */
export function backoffMs(
  failures: number,
  { backoffMsMin, backoffMsMax }: { readonly backoffMsMin: number; readonly backoffMsMax: number },
  random: Pick<Random, 'next'>,
): number {
  const ceiling = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(failures, 30))
  return Math.ceil(ceiling * random.next())
}

import { figure } from '../report.ts'
import { PROBE_PER_SECOND_MIN, probeDisk } from './machine.ts'

export interface Turn<Ours, Theirs> {
  readonly ours: Ours
  readonly theirs: Theirs
  /** The lowest rate of fdatasync that was seen before, between and after the two. */
  readonly probe: number
}

/** Measures us and the other thing one after the other, each first in every other pass, with the disk probed around both. */
export async function takeTurns<Ours, Theirs>(
  pass: number,
  folder: string,
  ours: () => Promise<Ours>,
  theirs: () => Promise<Theirs>,
): Promise<Turn<Ours, Theirs>> {
  const probes = [probeDisk(folder)]
  const probed = async <Result>(measure: () => Promise<Result>): Promise<Result> => {
    const result = await measure()
    probes.push(probeDisk(folder))
    return result
  }
  if (pass % 2 === 0) {
    const first = await probed(ours)
    return { ours: first, theirs: await probed(theirs), probe: Math.min(...probes) }
  }
  const first = await probed(theirs)
  return { ours: await probed(ours), theirs: first, probe: Math.min(...probes) }
}

/** The turns whose times count; all of them where none does, with the doubt that then belongs to the figures. */
export function counting<One extends { readonly probe: number }>(
  turns: readonly One[],
): { readonly turns: readonly One[]; readonly doubt: string | undefined } {
  const quiet = turns.filter(({ probe }) => probe > PROBE_PER_SECOND_MIN)
  if (quiet.length > 0) return { turns: quiet, doubt: undefined }
  const best = Math.max(...turns.map(({ probe }) => probe))
  return { turns, doubt: `only ${figure(best)} fdatasync/s` }
}

/** A sentence about the disk, for the figures to stand beside. */
export function probeNote(turns: readonly { readonly probe: number }[]): string {
  const probes = turns.map(({ probe }) => probe)
  const { turns: counted, doubt } = counting(turns)
  const range = `fdatasync probes around the passes: ${figure(Math.min(...probes))} to ${figure(Math.max(...probes))} a second`
  if (doubt !== undefined) return `${range}: the machine was busy, so NO time above counts.`
  return `${range}; ${counted.length} of ${turns.length} pairs of passes count (above ${figure(PROBE_PER_SECOND_MIN)}).`
}

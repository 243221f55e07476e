import type { Clock } from '../../ports/system.ts'
import type { Output } from '../command.ts'
import { count } from '../table.ts'
import type { ImportCounts } from './importer.ts'

/** On a terminal one line is written over; elsewhere each is a line of its own, so they come seldom. */
const TERMINAL_MS = 250
const LINES_MS = 5_000
/** The rate shown is that of the last so many milliseconds. */
const WINDOW_MS = 5_000

/** What has been done so far, on standard error, until the signal aborts. */
export async function showProgress(
  output: Output,
  clock: Clock,
  counts: ImportCounts,
  fraction: () => number,
  signal: AbortSignal,
): Promise<void> {
  const samples: { readonly at: number; readonly lines: number }[] = [{ at: clock.elapsed(), lines: 0 }]
  for (;;) {
    await clock.sleep(output.isTerminal ? TERMINAL_MS : LINES_MS, signal)
    if (signal.aborted) break
    samples.push({ at: clock.elapsed(), lines: counts.lines })
    while (samples.length > 2 && (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0) > WINDOW_MS) samples.shift()
    const line = `${count(counts.lines)} lines, ${percent(fraction())}, ${count(rateOf(samples))} a second${waiting(counts)}`
    await output.write(output.isTerminal ? `\r\x1b[K${line}` : `${line}\n`)
  }
  await clearProgress(output)
}

/** Before anything else is written where the progress stands. */
export async function clearProgress(output: Output): Promise<void> {
  if (output.isTerminal) await output.write('\r\x1b[K')
}

function rateOf(samples: readonly { readonly at: number; readonly lines: number }[]): number {
  const [first] = samples
  const last = samples.at(-1)
  if (first === undefined || last === undefined || last.at === first.at) return 0
  return Math.round(((last.lines - first.lines) * 1_000) / (last.at - first.at))
}

function percent(fraction: number): string {
  return `${Math.floor(Math.min(1, fraction) * 100)} %`
}

function waiting({ waiting }: ImportCounts): string {
  return waiting === 0 ? '' : `, ${count(waiting)} requests wait for the server`
}

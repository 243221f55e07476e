import { type Counted, canCountFsyncs, countFsyncs } from '../load/fsyncs.ts'
import type { Progress } from '../main.ts'
import { figure, type PartReport } from '../report.ts'
import { type BenchSettings, SECONDS } from '../settings.ts'
import { spread } from '../stats.ts'

const IN_FLIGHT = [1, 16, 64]

/** Counts the fsyncs of the whole server with strace while messages are stored. */
export async function fsyncs({ seconds = SECONDS }: BenchSettings, progress: Progress): Promise<PartReport> {
  if (!canCountFsyncs()) return absent()
  const levels = IN_FLIGHT.map((inFlight) => ({ inFlight, until: { seconds } }))
  return report(
    await countFsyncs(levels, ({ inFlight, messages }) =>
      progress(`${inFlight} in flight: ${figure(messages)} messages`),
    ),
  )
}

function report(counted: readonly Counted[]): PartReport {
  const perGroup = spread(counted.map(({ fsyncs, groups }) => fsyncs / groups))
  const perMessage = counted.map(({ fsyncs, messages }) => fsyncs / messages)
  const fall = (perMessage[0] ?? 0) / (perMessage.at(-1) ?? 1)
  return {
    part: 'fsyncs',
    tables: [
      {
        title: 'Fsyncs, counted by strace',
        columns: ['in flight', 'messages', 'groups', 'fsyncs', 'per group', 'per message', 'by file'],
        rows: counted.map(({ inFlight, messages, groups, fsyncs, byFile }) => [
          String(inFlight),
          figure(messages),
          figure(groups),
          figure(fsyncs),
          figure(fsyncs / groups),
          (fsyncs / messages).toFixed(3),
          Object.entries(byFile)
            .map(([file, count]) => `${file} ${count}`)
            .join(', '),
        ]),
      },
    ],
    goals: [
      {
        what: 'fsyncs per group',
        measured: perGroup,
        unit: '',
        better: 'lower',
        must: 2.2,
        aim: 2.1,
        doubt: undefined,
      },
      {
        what: 'fsyncs per message fall from 1 to 64 in flight',
        measured: spread([fall]),
        unit: ' ×',
        better: 'higher',
        must: 10,
        aim: 10,
        doubt: undefined,
      },
    ],
    notes: ['A group is a batch of the worker: one append, one write of the store, one of the feed with the offset.'],
    figures: counted,
  }
}

function absent(): PartReport {
  return {
    part: 'fsyncs',
    tables: [],
    goals: [],
    notes: ['fsyncs were NOT counted: there is no strace here that may trace (on Debian: apt-get install strace).'],
    figures: undefined,
  }
}

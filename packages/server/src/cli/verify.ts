import { sha256 } from '../adapters/system/sha256.ts'
import type { OpenedForReading } from '../compose/reading.ts'
import type { Clock } from '../ports/system.ts'
import { CHECKS, type CheckName, type Finding, type Report } from '../verify/report.ts'
import { type Verified, verify } from '../verify/verify.ts'
import { type Description, exactly, helpOf, parse } from './arguments.ts'
import { type Command, EXIT, type Io } from './command.ts'
import { INSTALLATION_OPTIONS, installationFrom, orUnreachable } from './engines.ts'
import { StatusLine } from './status-line.ts'
import { type Cell, coloured, count, Table } from './table.ts'

/** Whose commits say how far the work is. */
const GROUPS = { worker: 'worker', indexer: 'indexer' }

const DESCRIPTION = {
  name: 'verify',
  usage: '[OPTIONS]',
  about:
    'Reads the log, the store and the search index of an installation, with its server running or stopped, and says what is lost,\n' +
    'doubled, gapped or unindexed, and what still waits. It changes nothing. Columns of the table: how many things were looked at,\n' +
    'how many are wrong (the promise is broken), and how many wait (for the worker, the indexer, or an operator).',
  options: {
    ...INSTALLATION_OPTIONS,
    strict: { type: 'boolean', text: 'exit with 1 also when something waits: open dead letters, or a lag' },
    json: { type: 'boolean', text: 'lines of JSON: each finding, then the summary' },
  },
  exits: [
    [EXIT.ok, 'nothing is wrong'],
    [EXIT.failed, 'something is wrong; or, with --strict, something waits'],
    [EXIT.usage, 'called wrongly'],
    [EXIT.unreachable, 'there is no installation in the data folder, or an engine does not answer'],
  ],
  examples: [
    ['verify', 'the installation in ./data'],
    ['verify --data /srv/holdfast --strict', 'after a migration, say: nothing may be left to do either'],
    ['verify --json | jq \'select(.check == "lost")\'', 'the findings of one kind'],
  ],
} as const satisfies Description

export const command: Command = {
  name: 'verify',
  summary: 'check that nothing is lost, doubled or out of order',
  help: helpOf(DESCRIPTION),
  run,
}

async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(DESCRIPTION, args)
  exactly('verify', [], positionals)
  const settings = installationFrom(values, io)
  const where = settings.isCluster ? `${settings.log} and ${settings.store}` : settings.data
  const { openForReading } = await import('../compose/reading.ts')
  const engines = await orUnreachable(openForReading(settings, { clientName: 'holdfast-verify', writesSearch: false }))
  const begun = io.clock.elapsed()
  const progress = new StatusLine(io)
  let report: Report
  try {
    report = await verify(verifiedOf(engines, io.clock), (what) => progress.show(what))
  } finally {
    progress.clear()
    await engines.close()
  }
  const seconds = (io.clock.elapsed() - begun) / 1_000
  await (values.json ? printJson(report, seconds, io) : printTable(report, seconds, where, io))
  return report.verdict === 'wrong' || (values.strict && report.verdict === 'waiting') ? EXIT.failed : EXIT.ok
}

function verifiedOf(
  { logs, store, search }: Pick<OpenedForReading, 'logs' | 'store' | 'search'>,
  clock: Clock,
): Verified {
  const { timeline, history, letters, audit } = store
  const { commands, feed } = logs
  return { commands, feed, timeline, history, letters, audit, search, groups: GROUPS, sha256, clock }
}

async function printJson({ verdict, totals, checks, findings }: Report, seconds: number, { out }: Io): Promise<void> {
  const lines = [...findings, { verdict, ...totals, checks, seconds: Number(seconds.toFixed(3)) }]
  await out.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
}

async function printTable(
  { verdict, totals, checks, findings }: Report,
  seconds: number,
  where: string,
  { out }: Io,
): Promise<void> {
  const table = new Table(out, [
    { title: 'CHECK' },
    { title: 'EXAMINED', align: 'right' },
    { title: 'WRONG', align: 'right' },
    { title: 'WAITING', align: 'right' },
    { title: 'WHAT SHOULD BE' },
  ])
  const names = Object.keys(CHECKS) as CheckName[]
  await table.print(
    names.map((name) => [
      name,
      count(checks[name].examined),
      number(checks[name].wrong, 'red'),
      number(checks[name].waiting, 'yellow'),
      { text: CHECKS[name], style: 'dim' },
    ]),
  )
  if (findings.length > 0) {
    await out.write('\n')
    const details = new Table(out, [
      { title: 'CHECK' },
      { title: 'VERDICT' },
      { title: 'WHERE', columnsMax: 72 },
      { title: 'WHAT' },
    ])
    await details.print(findings.map((finding) => [finding.check, finding.verdict, placeOf(finding), finding.text]))
    await out.write(`(at most 20 of each kind are shown)\n`)
  }
  const { rooms, entries, claims, letters } = totals
  await out.write(
    `\n${count(rooms)} rooms, ${count(entries)} entries, ${count(claims)} claims, ${count(letters)} dead letters in ${where}, read in ${seconds.toFixed(1)} s: ${verdictLine(verdict, out)}\n`,
  )
}

function number(value: number, style: 'red' | 'yellow'): Cell {
  return value === 0 ? { text: '0', style: 'dim' } : { text: count(value), style }
}

function placeOf({ room, seq, id, partition, offset }: Finding): string {
  const parts = [
    room === undefined ? undefined : `room ${room}`,
    seq === undefined ? undefined : `seq ${seq}`,
    partition === undefined ? undefined : `partition ${partition}`,
    offset === undefined ? undefined : `offset ${offset}`,
    id,
  ]
  return parts.filter((part) => part !== undefined).join(' ')
}

function verdictLine(verdict: Report['verdict'], out: Io['out']): string {
  switch (verdict) {
    case 'clean':
      return coloured(out, 'green', 'clean')
    case 'waiting':
      return coloured(out, 'yellow', 'nothing is wrong; something waits')
    case 'wrong':
      return coloured(out, 'red', 'SOMETHING IS WRONG')
  }
  verdict satisfies never
}

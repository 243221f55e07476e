import { Failure } from '../ports/failure.ts'
import { type Description, exactly, helpOf, parse } from './arguments.ts'
import { type Command, CommandError, EXIT, type Io } from './command.ts'
import { FLAGS, refuseSecrets, settingsFrom } from './serve-flags.ts'
import { coloured } from './table.ts'

const SHOWN = ['log', 'store', 'partitions', 'kafka-replication', 'kafka-min-in-sync', 'config']

const DESCRIPTION = {
  name: 'setup',
  usage: '[OPTIONS]',
  about:
    'Makes what a cluster needs: topics in Kafka, collections and indexes in MongoDB. It may be run again: what is there is kept, and ' +
    'what is there but weaker than asked for, or of other partitions, is refused. A server on SQLite needs none of it.',
  options: {
    ...Object.fromEntries(SHOWN.flatMap((flag) => (FLAGS[flag] === undefined ? [] : [[flag, FLAGS[flag]]]))),
    json: { type: 'boolean', text: 'a line of JSON for each step: {what, done}' },
  },
  more: 'Names, passwords and TLS are settings of the groups kafka and mongodb: see `holdfast serve --help kafka`.',
  exits: [
    [EXIT.ok, 'everything is there'],
    [EXIT.failed, 'something is there that must not be as it is, or may not be made'],
    [EXIT.usage, 'a setting is unknown or wrong'],
    [EXIT.unreachable, 'an engine does not answer'],
  ],
  examples: [
    [
      'setup --log kafka://kafka-1:9092,kafka-2:9092 --store "mongodb://db-1,db-2,db-3/chat?replicaSet=rs0"',
      'three copies of everything, two before anything is acknowledged',
    ],
    [
      'setup --kafka-replication 1 --kafka-min-in-sync 1',
      'on one broker, to try it out; URLs from HOLDFAST_LOG and HOLDFAST_STORE',
    ],
  ],
} satisfies Description

export const command: Command = {
  name: 'setup',
  summary: 'make the topics and indexes of a cluster',
  help: helpOf(DESCRIPTION),
  run,
}

async function run(args: readonly string[], io: Io): Promise<number> {
  refuseSecrets(args)
  const { values, positionals } = parse({ name: 'setup', options: { ...FLAGS, json: DESCRIPTION.options.json } }, args)
  exactly('setup', [], positionals)
  const { json, ...flags } = values
  const config = settingsFrom(flags as Readonly<Record<string, string | undefined>>, io)
  if (!config.isCluster)
    throw new CommandError(
      EXIT.usage,
      'a server on SQLite needs no setup: `holdfast serve` makes its folder. For a cluster, set HOLDFAST_LOG and HOLDFAST_STORE.',
    )
  const { setUpCluster } = await import('../compose/set-up.ts')
  try {
    await setUpCluster(config, async (step) => {
      const done = coloured(io.out, step.done === 'created' ? 'green' : 'dim', step.done.padEnd(9))
      await io.out.write(json ? `${JSON.stringify(step)}\n` : `${done}  ${step.what}\n`)
    })
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    if (error.class !== 'transient') throw new CommandError(EXIT.failed, error.message, error)
    throw new CommandError(
      EXIT.unreachable,
      `${error.message}. Does it run, and are HOLDFAST_LOG and HOLDFAST_STORE right?`,
      error,
    )
  }
  return EXIT.ok
}

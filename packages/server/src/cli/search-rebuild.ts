import { failureClass } from '../ports/failure.ts'
import { type Description, exactly, helpOf, parse } from './arguments.ts'
import { CommandError, EXIT, type Io, type Subcommand } from './command.ts'
import { INSTALLATION_OPTIONS, installationFrom, orUnreachable } from './engines.ts'
import { StatusLine } from './status-line.ts'
import { count } from './table.ts'

const DESCRIPTION = {
  name: 'search rebuild',
  usage: '[OPTIONS]',
  about:
    'Makes the search index of an installation anew from its store, with its server running or stopped. The new index is made beside the one that\n' +
    'is searched, and takes its place in one step when it is complete, so searches go on meanwhile. It may be broken off at any moment: the next\n' +
    'run goes on where it was. It is only needed where an upgrade says so, or something is found that should not be: what is merely missing is filled in by itself. A damaged\n' +
    'search.db is removed while the server is stopped, and is filled again by itself.',
  options: {
    ...INSTALLATION_OPTIONS,
    json: { type: 'boolean', text: 'what was made, as JSON' },
  },
  exits: [
    [EXIT.ok, 'the new index is searched'],
    [EXIT.failed, 'another rebuild was faster, or somebody removed the new index'],
    [EXIT.usage, 'called wrongly'],
    [EXIT.unreachable, 'there is no installation in the data folder, or an engine does not answer'],
  ],
  examples: [
    ['search rebuild', 'the index of the installation in ./data'],
    ['search rebuild --config cluster.json', 'the one of a cluster'],
  ],
} as const satisfies Description

export const subcommand: Subcommand = { help: helpOf(DESCRIPTION), run }

async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(DESCRIPTION, args)
  exactly('search rebuild', [], positionals)
  const settings = installationFrom(values, io)
  const { rebuildSearch } = await import('../compose/rebuild.ts')
  const begun = io.clock.elapsed()
  const status = new StatusLine(io)
  const rebuilding = rebuildSearch(settings, {
    progress: ({ passes, entries, all }) => status.show(`pass ${passes}: ${count(entries)} of ${count(all)} entries`),
    waits(why) {
      status.clear()
      io.err.write(`waiting: ${why}\n`)
    },
    leftOut({ room, seq, why }) {
      status.clear()
      io.err.write(`left out of search: seq ${seq} of ${room}: ${why}\n`)
    },
  }).finally(() => status.clear())
  const made = await orUnreachable(rebuilding.catch(lost))
  const seconds = (io.clock.elapsed() - begun) / 1_000
  await io.out.write(
    values.json
      ? `${JSON.stringify({ ...made, seconds: Number(seconds.toFixed(3)) })}\n`
      : `${count(made.entries)} entries of ${count(made.rooms)} rooms were read in ${seconds.toFixed(1)} s: the new index is searched now\n`,
  )
  return EXIT.ok
}

function lost(error: unknown): never {
  if (failureClass(error) !== 'lost') throw error
  throw new CommandError(
    EXIT.failed,
    'the new index is gone before it was complete: another rebuild has put it in its place, or somebody has removed it. What is searched is sound; run it again if in doubt.',
    error,
  )
}

// Holds a client and the server to the protocol's reference page: see `--help`.
import { check, type Part } from './check.ts'
import type { Verdict } from './rule.ts'
import { foreignServer, OwnServer, type Server } from './server.ts'
import { HELP, readSettings, type Settings, UsageError } from './settings.ts'
import { table } from './table.ts'

/** 0: every rule holds. 1: one is broken. 2: called wrongly. */
process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  try {
    const settings = readSettings(args)
    if (settings !== undefined) return await run(settings)
    process.stdout.write(HELP)
    return 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`protocol: ${error.message} \`npm run protocol -- --help\` says more.\n`)
    return 2
  }
}

async function run(settings: Settings): Promise<number> {
  if (settings.url !== undefined) return report(settings, foreignServer(settings.url))
  await using server = new OwnServer()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => server[Symbol.asyncDispose]().finally(() => process.exit(130)))
  return await report(settings, await server.start())
}

async function report(settings: Settings, server: Server): Promise<number> {
  const { clientName, json } = settings
  const all: { readonly part: Part; readonly verdicts: readonly Verdict[] }[] = []
  for (const part of settings.parts) {
    const verdicts = await check({ ...settings, server, part })
    all.push({ part, verdicts })
    if (!json) process.stdout.write(table(part === 'client' ? `The client: ${clientName}` : 'The server', verdicts))
  }
  const verdicts = all.flatMap(({ verdicts }) => verdicts)
  const count = (wanted: Verdict['verdict']) => verdicts.filter(({ verdict }) => verdict === wanted).length
  const counts = { pass: count('pass'), fail: count('fail'), notJudged: count('not judged') }
  if (json) process.stdout.write(`${JSON.stringify({ client: clientName, ...counts, parts: all }, null, 2)}\n`)
  else process.stdout.write(`${counts.pass} pass, ${counts.fail} fail, ${counts.notJudged} not judged\n`)
  if (verdicts.length === 0) throw new UsageError(`No rule's name holds "${settings.only}".`)
  return counts.fail === 0 ? 0 : 1
}

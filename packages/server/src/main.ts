import { StopSignals } from './lifecycle.ts'

const [verb = 'help', ...args] = process.argv.slice(2)
// A signal that comes while everything else is still being loaded must stop the server too.
const signals = verb === 'serve' ? new StopSignals(process) : undefined
const { runCommand } = await import('./cli/index.ts')
process.exitCode = await runCommand(verb, args, signals)

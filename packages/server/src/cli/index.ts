import { environment } from '../config/read.ts'
import { nearest } from '../core/nearest.ts'
import type { StopSignals } from '../lifecycle.ts'
import { Failure } from '../ports/failure.ts'
import { BUILD } from '../version.ts'
import { type Command, CommandError, EXIT, type Io, type Subcommand } from './command.ts'
import { processIo } from './terminal.ts'

/** Every command, loaded when it is called: a start pays for no other. */
const COMMANDS: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  serve: () => import('./serve.ts'),
  setup: () => import('./setup.ts'),
  token: () => import('./token.ts'),
  import: () => import('./import.ts'),
  rooms: () => import('./rooms.ts'),
  history: () => import('./history.ts'),
  tail: () => import('./tail.ts'),
  search: () => import('./search.ts'),
  dlq: () => import('./dlq.ts'),
  verify: () => import('./verify.ts'),
}

/** Runs one command in this process and resolves with its exit code; never rejects. */
export async function runCommand(verb: string, args: readonly string[], signals?: StopSignals): Promise<number> {
  const io = processIo(environment, signals)
  try {
    return await dispatch(verb, args, io)
  } catch (error) {
    await io.err.write(`holdfast: ${told(error)}\n`)
    return error instanceof CommandError ? error.exit : EXIT.failed
  }
}

/** What was foreseen is a sentence; anything else is for whoever mends it. */
function told(error: unknown): string {
  if (error instanceof CommandError || error instanceof Failure) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

async function dispatch(verb: string, args: readonly string[], io: Io): Promise<number> {
  if (verb === 'help' || verb === '--help' || verb === '-h') return help(args, io)
  if (verb === '--version' || verb === '-V') {
    await io.out.write(`holdfast ${BUILD} on Node ${process.versions.node}\n`)
    return EXIT.ok
  }
  const command = await load(verb)
  const inner = subcommand(command, args[0])
  if (inner !== undefined) return runOrHelp(inner, args.slice(1), io)
  return runOrHelp(command, args, io)
}

async function runOrHelp(command: Runnable, args: readonly string[], io: Io): Promise<number> {
  const end = args.indexOf('--')
  const options = end < 0 ? args : args.slice(0, end)
  const asked = options.findIndex((option) => /^(--help(=.*)?|-h)$/.test(option))
  if (asked >= 0) return printHelp(command, options[asked]?.split('=')[1] ?? options[asked + 1], io)
  return command.run(args, io)
}

type Runnable = Pick<Command, 'help' | 'helpOn' | 'run' | 'subcommands'>

function subcommand({ subcommands = {} }: Runnable, name: string | undefined): Subcommand | undefined {
  return name !== undefined && Object.hasOwn(subcommands, name) ? subcommands[name] : undefined
}

async function load(verb: string): Promise<Command> {
  const module = Object.hasOwn(COMMANDS, verb) ? COMMANDS[verb] : undefined
  if (module !== undefined) return (await module()).command
  const close = nearest(verb, Object.keys(COMMANDS))
  const hint = close === undefined ? '' : ` Did you mean \`holdfast ${close}\`?`
  throw new CommandError(
    EXIT.usage,
    `there is no command ${JSON.stringify(verb)}.${hint} \`holdfast help\` lists them all.`,
  )
}

async function help([verb, topic]: readonly string[], io: Io): Promise<number> {
  if (verb !== undefined) return printHelp(await load(verb), topic, io)
  const commands = await Promise.all(Object.keys(COMMANDS).map(load))
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(9)} ${summary}`)
  await io.out.write(
    `Holdfast: a chat server whose promise can be checked.\n\nUsage: holdfast COMMAND [OPTIONS]\n\n${lines.join('\n')}\n\n` +
      '`holdfast COMMAND --help` has options and examples, `holdfast --version` says which build this is.\n',
  )
  return EXIT.ok
}

async function printHelp(command: Runnable, topic: string | undefined, io: Io): Promise<number> {
  const page = topic === undefined || topic.startsWith('-') ? undefined : command.helpOn?.(topic)
  await io.out.write(page ?? subcommand(command, topic)?.help ?? command.help)
  return EXIT.ok
}

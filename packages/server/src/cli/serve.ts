import { compose, type Holdfast } from '../compose/compose.ts'
import type { Config } from '../config/config.ts'
import { BUILD } from '../version.ts'
import { type Description, exactly, helpOf, parse } from './arguments.ts'
import { type Command, EXIT, type Io } from './command.ts'
import { checkPort, portAdvice } from './port.ts'
import { FIRST_FLAGS, FLAGS, helpOn, MORE, refuseSecrets, refuseTakenByNpm, settingsFrom } from './serve-flags.ts'

const DESCRIPTION = {
  name: 'serve',
  usage: '[OPTIONS]',
  about:
    'Runs the server in the foreground until SIGTERM or Ctrl-C: then it stops taking requests, finishes what is under way and exits 0.',
  options: { ...FIRST_FLAGS, help: { type: 'string', value: '[GROUP]', text: 'this text, or every flag of a group' } },
  more: MORE,
  exits: [
    [EXIT.ok, 'stopped as asked'],
    [EXIT.failed, 'could not start'],
    [EXIT.usage, 'a setting is unknown or wrong'],
    [
      EXIT.abandoned,
      'stopped before all was finished (something hung, or a signal came again): the next start finishes it',
    ],
  ],
  examples: [
    ['serve', 'on http://127.0.0.1:8080, data in ./data'],
    ['serve --data /srv/chat --port 9000', 'elsewhere'],
    ['serve --port 0 --log-level debug', 'on a free port, saying more'],
    ['serve --help worker', 'the flags of the worker'],
  ],
} satisfies Description

export const command: Command = { name: 'serve', summary: 'run the server', help: helpOf(DESCRIPTION), helpOn, run }

async function run(args: readonly string[], io: Io): Promise<number> {
  refuseSecrets(args)
  refuseTakenByNpm(io.environment)
  const { values, positionals } = parse({ name: 'serve', options: FLAGS }, args)
  exactly('serve', [], positionals)
  // A person reads the terminal: what every start says would stand around the banner.
  const config = settingsFrom(values, io, io.out.isTerminal ? { logLevel: 'warn' } : {})
  const asked = new AbortController()
  io.signals().listen({
    clock: io.clock,
    stopMsMax: config.graceMsMax,
    stop: () => asked.abort(),
    // What hangs is finished by the next start: everything acknowledged is durable.
    abandon: () => io.abandon(EXIT.abandoned),
  })
  const exit = await serve(config, asked.signal, io)
  // Connections that nobody closed must not keep a stopped server alive.
  io.exit(exit)
  return exit
}

/** From the start until it was asked to stop and has; resolves with the exit code. */
async function serve(config: Config, asked: AbortSignal, io: Io): Promise<number> {
  let holdfast: Holdfast | undefined
  try {
    await checkPort(config)
    if (!asked.aborted) holdfast = await compose(config)
    if (!asked.aborted) await holdfast?.start(asked)
    if (holdfast !== undefined && !asked.aborted) await io.out.write(banner(holdfast, config))
  } catch (error) {
    // Who is asked to stop while it starts has not failed.
    if (!asked.aborted) {
      await io.err.write(`holdfast: could not start: ${portAdvice(error, config) ?? textOf(error)}\n`)
      io.clock.after(config.graceMsMax, () => io.abandon(EXIT.failed))
      await isStopped(holdfast, io)
      return EXIT.failed
    }
  }
  if (!asked.aborted) await new Promise((resolve) => asked.addEventListener('abort', resolve))
  if (!(await isStopped(holdfast, io))) return EXIT.abandoned
  // On a terminal the line of the ^C is ended first.
  await io.out.write(
    `${io.out.isTerminal ? '\n' : ''}Stopped: what was accepted is stored, or kept for the next start.\n`,
  )
  return EXIT.ok
}

async function isStopped(holdfast: Holdfast | undefined, io: Io): Promise<boolean> {
  try {
    await holdfast?.stop()
    return true
  } catch (error) {
    await io.err.write(`holdfast: could not finish what was under way: ${textOf(error)}\n`)
    return false
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function banner({ url, offersSignIn }: Holdfast, config: Config): string {
  const { data, isCluster, role, log, store, search } = config
  const lines = [
    `Holdfast ${BUILD} is listening.`,
    '',
    `  address  ${url}`,
    `  pid      ${process.pid}`,
    ...(isCluster
      ? [`  roles    ${role.join(', ')}`, `  log      ${log}`, `  store    ${store}`, `  search   ${search}`]
      : [`  data     ${data}`]),
    '',
  ]
  return `${[...lines, ...firstSteps(url, offersSignIn, role), '', 'Ctrl-C stops it.', ''].join('\n')}\n`
}

function firstSteps(url: string, offersSignIn: boolean, role: Config['role']): readonly string[] {
  if (!role.includes('gateway'))
    return ['People talk to gateways; this one tells how it is:', '', `  curl -s ${url}/readyz`]
  if (!offersSignIn)
    return [`Clients bring tokens of your own backend. See that it is ready:`, '', `  curl -s ${url}/readyz`]
  return [
    `Open ${url} and sign in with any name; open it again in a second window (or another`,
    'browser) and sign in as somebody else. Or from a terminal:',
    '',
    `  curl -s -X POST ${url}/v1/sign-in -H 'content-type: application/json' -d '{"user":"anna"}'`,
  ]
}

import { BUILD, compose, type Holdfast } from '../compose.ts'
import { ConfigError } from '../config/config.ts'
import { readConfig } from '../config/read.ts'
import { type Description, exactly, helpOf, parse } from './arguments.ts'
import { type Command, CommandError, EXIT, type Io } from './command.ts'
import { FIRST_FLAGS, FLAGS, helpOn, MORE, refuseSecrets } from './serve-flags.ts'

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
  const { values, positionals } = parse({ name: 'serve', options: FLAGS }, args)
  exactly('serve', [], positionals)
  const config = settings(values, io)
  const stopped = Promise.withResolvers<number>()
  let holdfast: Holdfast | undefined
  let isStopping = false
  const stop = async () => {
    isStopping = true
    await starting
    await holdfast?.stop()
    stopped.resolve(EXIT.ok)
  }
  const starting = (async () => {
    try {
      holdfast = await compose(config)
      if (!isStopping) await holdfast.start()
    } catch (error) {
      if (isStopping) return
      stopped.reject(
        new CommandError(
          EXIT.failed,
          `could not start: ${error instanceof Error ? error.message : String(error)}`,
          error,
        ),
      )
    }
  })()
  io.signals().listen({
    clock: io.clock,
    stopMsMax: config.graceMsMax,
    stop: () => void stop(),
    // What hangs is finished by the next start: everything acknowledged is durable.
    abandon: () => io.abandon(EXIT.ok),
  })
  await starting
  if (holdfast !== undefined && !isStopping && holdfast.url !== '') await io.out.write(banner(holdfast, config.data))
  const exit = await stopped.promise
  // Connections that nobody closed must not keep a stopped server alive.
  io.abandon(exit)
  return exit
}

function settings(flags: Readonly<Record<string, string | undefined>>, io: Io) {
  try {
    return readConfig({ flags, environment: io.environment })
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(EXIT.usage, error.message, error)
    throw error
  }
}

function banner({ url, offersSignIn }: Holdfast, data: string): string {
  const lines = [
    `Holdfast ${BUILD} is listening.`,
    '',
    `  address  ${url}`,
    `  pid      ${process.pid}`,
    `  data     ${data}`,
    '',
  ]
  const open = offersSignIn
    ? [
        `Open ${url} and sign in with any name; open it again in a second window (or another`,
        'browser) and sign in as somebody else. Or from a terminal:',
        '',
        `  curl -s -X POST ${url}/v1/sign-in -H 'content-type: application/json' -d '{"user":"anna"}'`,
      ]
    : [`Clients bring tokens of your own backend. See that it is ready:`, '', `  curl -s ${url}/readyz`]
  return `${[...lines, ...open, '', 'Ctrl-C stops it.', ''].join('\n')}\n`
}

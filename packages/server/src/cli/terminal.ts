import type { WriteStream } from 'node:tty'
import { systemClock } from '../adapters/system/clock.ts'
import { StopSignals } from '../lifecycle.ts'
import { EXIT, type Io, type Output } from './command.ts'

/** The process's own streams, clock and signals. */
export function processIo(environment: Io['environment'], signals: StopSignals | undefined): Io {
  let stop = signals
  // Whoever reads our output may have seen enough (`| head`): that is no error, and nobody is left to tell.
  process.stdout.on('error', () => process.exit(EXIT.ok))
  process.stderr.on('error', () => {})
  return {
    out: output(process.stdout),
    err: output(process.stderr),
    environment,
    clock: systemClock,
    signals: () => {
      stop ??= new StopSignals(process)
      return stop
    },
    exit: (code) => process.exit(code),
    abandon,
  }
}

/**
 * `process.exit` waits for every thread, and one that waits for a disk which does not answer never comes back. Becoming another
 * program ends them all; a signal to oneself would not, where one is the first process of a container.
 */
function abandon(code: number): void {
  if (typeof process.execve === 'function')
    process.execve(process.execPath, [process.execPath, '--eval', `process.exit(${code})`], {})
  process.exit(code)
}

function output(stream: NodeJS.WriteStream & Partial<WriteStream>): Output {
  const isTerminal = stream.isTTY === true
  return {
    isTerminal,
    // Node itself looks at NO_COLOR and TERM here.
    hasColours: isTerminal && stream.hasColors?.() === true,
    write: (text) =>
      stream.write(text) ? Promise.resolve() : new Promise((resolve) => stream.once('drain', () => resolve())),
  }
}

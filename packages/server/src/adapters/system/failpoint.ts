import { readSync } from 'node:fs'
import { Failure } from '../../ports/failure.ts'
import type { Failpoint, FailpointName } from '../../ports/system.ts'

type Action = 'kill' | 'stop' | 'throw' | 'exit' | 'hang'

interface Armed {
  readonly action: Action
  /** At which of the visits it acts, once: 1 is the first. */
  readonly visit: number
}

const NAMES: Readonly<Record<FailpointName, true>> = {
  'append:before': true,
  'append:after': true,
  'worker:fetched': true,
  'worker:loaded': true,
  'store:mid-write': true,
  'store:written': true,
  'store:committed': true,
  'worker:stored': true,
  'feed:before': true,
  'feed:partial': true,
  'feed:after': true,
  'dead-letter:before': true,
  'dead-letter:after': true,
  'worker:settled': true,
  'replay:appended': true,
}
const RULE = /^([a-z:-]+)=(kill|stop|throw|exit|hang)(?:@([1-9][0-9]*))?$/

/**
 * Failpoints from a text such as `store:committed=kill@3,feed:before=throw`: at the third visit the process kills itself
 * with SIGKILL; at the first one an ambiguous Failure is thrown; `stop` freezes the process with SIGSTOP until somebody continues it;
 * `exit` ends the thread, and the one that is started in its place counts its visits anew; `hang` blocks the thread inside the system,
 * where nothing interrupts it, until the process's standard input ends.
 * Without a text nothing ever happens. Throws an Error that names the part it cannot read.
 */
export function failpointsFrom(text: string | undefined): Failpoint {
  if (text === undefined || text === '') return () => {}
  const armed = new Map<FailpointName, Armed>(text.split(',').map(parseRule))
  const visits = new Map<FailpointName, number>()
  return (name) => {
    const rule = armed.get(name)
    if (rule === undefined) return
    const visit = (visits.get(name) ?? 0) + 1
    visits.set(name, visit)
    if (visit === rule.visit) act(name, rule.action)
  }
}

function parseRule(text: string): [FailpointName, Armed] {
  const [, name, action, visit = '1'] = RULE.exec(text.trim()) ?? []
  if (name === undefined || !isFailpointName(name))
    throw new Error(
      `"${text}" is no failpoint: write name=kill|stop|throw|exit|hang, or name=action@visit; the names are ${Object.keys(NAMES).join(', ')}`,
    )
  return [name, { action: action as Action, visit: Number(visit) }]
}

function isFailpointName(name: string): name is FailpointName {
  return Object.hasOwn(NAMES, name)
}

function act(name: FailpointName, action: Action): void {
  switch (action) {
    case 'throw':
      throw new Failure('ambiguous', `failpoint ${name}`)
    case 'stop':
      process.kill(process.pid, 'SIGSTOP')
      return
    case 'exit':
      process.exit(1)
      return
    case 'hang':
      readSync(0, new Uint8Array(1))
      return
    case 'kill':
      process.kill(process.pid, 'SIGKILL')
      // The signal may reach another thread first: this one must not take a single step more.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }
}

// Plain JavaScript that an old Node (18 or newer) can read: it finds the Node this project is locked to and runs it.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const MAJOR_MIN = 26

/** The path of a Node that is new enough: this one, or the one that the lockfile brought. */
function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= MAJOR_MIN) return process.execPath
  const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`]
  for (const name of names) {
    try {
      const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
      const binary = join(dirname(manifest), 'bin', 'node')
      if (existsSync(binary)) return binary
      const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
      return join(dirname(manifest), typeof bin === 'string' ? bin : bin.node)
    } catch {
      // This platform's package has another name, or none: the next one is tried.
    }
  }
  console.error(
    `Holdfast needs Node ${MAJOR_MIN} or newer; this is ${process.version}, and no packaged Node for ${process.platform}-${process.arch} is installed.\n` +
      `Run "npm ci" without --omit=optional, or install Node ${MAJOR_MIN} and try again.`,
  )
  process.exit(78)
}

/** Runs Node with these arguments in place of this process; where that is not possible, as its child. */
export function launch(args) {
  const node = findNode()
  const argv = ['--conditions=@holdfast/source', '--disable-warning=ExperimentalWarning', ...args]
  // What Node compiles, in every thread and from the first file on, it keeps for the next start: that takes half as long.
  const env = { NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache'), ...process.env }
  if (typeof process.execve === 'function') {
    process.execve(node, [node, ...argv], env)
    return
  }
  // From before there is a child: a signal that ended this process alone would leave the child behind.
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // A terminal's Ctrl-C reaches the child by itself, being in the same group: forwarding it would double it.
  process.on('SIGINT', () => {})
  const child = spawn(node, argv, { stdio: 'inherit', env })
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]))
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Engine, ProcessPlan } from '../engine.ts'
import type { Instance } from '../instance.ts'
import type { Folders } from '../machine/folders.ts'
import { ended, type ProcessMark, signal } from '../machine/processes.ts'
import type { Program } from '../program.ts'
import { Register } from '../register.ts'

/** Answers everything as MongoDB would answer `ping`, and counts its starts in a file. */
const SERVER = `
const { appendFileSync } = require('node:fs')
appendFileSync('starts', '.')
console.log('serving')
const answer = Buffer.alloc(26 + 12)
answer.writeInt32LE(answer.length, 0)
answer.writeInt32LE(2013, 12)
Buffer.from('\\x01ok\\0\\0\\0\\0\\0\\0\\0\\xf0\\x3f', 'latin1').copy(answer, 26)
require('node:net').createServer((socket) => {
  socket.on('error', () => {})
  socket.on('data', () => socket.write(answer))
}).listen(Number(process.argv[2]), '127.0.0.1')
`

/** An engine of two processes, one after the other, that needs nothing but Node. */
export function fakeEngine(recipe: string, change: (plan: ProcessPlan) => ProcessPlan = (plan) => plan): Engine {
  mkdirSync(recipe, { recursive: true })
  writeFileSync(join(recipe, 'server.cjs'), SERVER)
  return {
    name: 'ferretdb-pg',
    what: 'a stand-in',
    program: fakeProgram(recipe),
    ports: { first: 14_117, clients: 1, inner: 1 },
    url: ({ clients }) => `fake://${clients[0]}`,
    prepare: async ({ program, folder, ports }) =>
      [
        { name: 'first', port: ports.inner[0] ?? 0 },
        { name: 'second', port: ports.clients[0] ?? 0 },
      ].map(({ name, port }) => {
        mkdirSync(join(folder, name), { recursive: true })
        return [
          change({
            name,
            command: process.execPath,
            args: [join(program, 'server.cjs'), String(port)],
            folder: join(folder, name),
            stopSignal: 'SIGTERM',
            probe: { protocol: 'mongodb', port },
          }),
        ]
      }),
  }
}

export function fakeProgram(recipe: string, change: Partial<Program> = {}): Program {
  return { name: 'fake', version: '1', tools: [], takes: 'no time', recipe, steps: [], ...change }
}

/** A cache of the test's own; whatever was started from it ends with the test. */
export function temporaryCache(context: TestContext): Folders & { readonly root: string } {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-engines-'))
  const cache = { root, programs: join(root, 'programs'), data: join(root, 'data'), running: join(root, 'running') }
  context.after(async () => {
    const left = new Register(cache.running).all().flatMap(marksOf)
    for (const mark of left) signal(mark, 'SIGKILL')
    await ended(left, 10_000)
    rmSync(root, { recursive: true, force: true })
  })
  return cache
}

export function marksOf({ processes }: Instance): readonly ProcessMark[] {
  return processes.flatMap(({ mark }) => (mark === undefined ? [] : [mark]))
}

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SOCKET_PATH, SUBPROTOCOL } from '@holdfast/protocol'
import { WebSocket } from 'ws'
import { signIn, startServer, temporaryFolder, until } from '../support/server.ts'

test('[OPS50] what only sockets and requests need is loaded by the first of them, not by the start', async () => {
  using folder = temporaryFolder()
  await using server = await startServer({ data: join(folder.path, 'data'), env: watched(folder.path) })
  const loads = () => readFileSync(join(folder.path, 'loads'), 'utf8')
  const [start = '', later] = loads().split('listening\n')
  assert.notEqual(later, undefined)
  assert.deepEqual(librariesOf(start), ['fastify'])
  await signIn(server.url, 'anna')
  const missing = ['fastify', 'typebox', 'jose'].filter((library) => !librariesOf(loads()).includes(library))
  assert.deepEqual(missing, [])
  assert.equal(await server.stop(), 0)
})

test('[OPS50] where nobody asks, it is loaded soon after the start', async () => {
  using folder = temporaryFolder()
  await using server = await startServer({ data: join(folder.path, 'data'), env: watched(folder.path) })
  const loaded = () => librariesOf(readFileSync(join(folder.path, 'loads'), 'utf8'))
  await until('schemas and metrics are loaded', () => loaded().includes('typebox') && loaded().includes('prom-client'))
  assert.equal(await server.stop(), 0)
})

test('[OPS51] where the schemas cannot be loaded, sockets are refused until they can', async () => {
  using folder = temporaryFolder()
  const trouble = join(folder.path, 'trouble')
  writeFileSync(trouble, '')
  await using server = await startServer({ data: join(folder.path, 'data'), env: watched(folder.path) })
  assert.equal(await upgrade(server.url), 503)
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200)
  rmSync(trouble)
  assert.equal(await upgrade(server.url), 101)
  assert.equal(await server.stop(), 0)
})

test('[OPS52] what Node compiles is kept for the next start, in every thread, where somebody says so or where Node itself does', () => {
  using folder = temporaryFolder()
  assert.deepEqual(compileCaches({ TMPDIR: folder.path }), Array(2).fill(join(folder.path, 'node-compile-cache')))
  const own = join(folder.path, 'own')
  assert.deepEqual(compileCaches({ NODE_COMPILE_CACHE: own }), [own, own])
})

/** The folders of compiled code of what the launcher starts: the main thread's and another one's. */
function compileCaches(env: Readonly<Record<string, string>>): readonly string[] {
  const print = "console.log(require('node:path').dirname(require('node:module').getCompileCacheDir() ?? 'none/-'))"
  const script = `${print}; new (require('node:worker_threads').Worker)(${JSON.stringify(print)}, { eval: true })`
  const launcher = fileURLToPath(new URL('../../../../node26.mjs', import.meta.url))
  const { stdout } = spawnSync(process.execPath, [launcher, '--eval', script], {
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
  })
  return stdout.trim().split('\n')
}

/** Those of the libraries that a server might load which these addresses of modules name. */
function librariesOf(loads: string): readonly string[] {
  return ['fastify', 'typebox', 'ajv', 'jose', 'prom-client'].filter((library) =>
    loads.includes(`/node_modules/${library}/`),
  )
}

/** The main thread notes each module it loads, and that it says where it listens; while `trouble` exists, there is no TypeBox. */
function watched(folder: string): Readonly<Record<string, string>> {
  const script = `
    import { appendFileSync, existsSync } from 'node:fs'
    import { registerHooks } from 'node:module'
    import { join } from 'node:path'
    import { isMainThread } from 'node:worker_threads'
    const folder = ${JSON.stringify(folder)}
    const note = (line) => appendFileSync(join(folder, 'loads'), line + '\\n')
    if (isMainThread) {
      const { write } = process.stdout
      process.stdout.write = function (text, ...more) {
        if (/is listening/.test(text)) note('listening')
        return write.call(this, text, ...more)
      }
      registerHooks({
        load(url, context, next) {
          if (url.includes('/typebox/') && existsSync(join(folder, 'trouble'))) throw new Error('too many open files')
          note(url)
          return next(url, context)
        },
      })
    }`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` }
}

/** The status that the request for a socket is answered with. */
function upgrade(url: string): Promise<number> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}${SOCKET_PATH}`, SUBPROTOCOL)
  return new Promise((resolve, reject) => {
    socket.on('unexpected-response', (_, { statusCode = 0 }) => {
      socket.terminate()
      resolve(statusCode)
    })
    socket.on('open', () => {
      socket.terminate()
      resolve(101)
    })
    socket.on('error', reject)
  })
}

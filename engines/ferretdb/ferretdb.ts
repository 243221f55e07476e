import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Engine, Place, ProcessPlan } from '../engine.ts'
import { HOST } from '../machine/ports.ts'
import { GO } from '../machine/tools.ts'
import { mongodbUrl } from '../mongodb-url.ts'
import type { Program } from '../program.ts'
import { checkPostgreSQL, preparePostgreSQL } from './postgresql.ts'

const PROGRAM: Program = {
  name: 'FerretDB',
  version: '1.24.2',
  tools: [GO],
  takes: 'two or three minutes',
  recipe: fileURLToPath(new URL('recipe', import.meta.url)),
  steps: [{ command: 'go', args: ['build', '-trimpath', '-ldflags=-s -w', '-o', 'ferretdb', '.'] }],
}

export const FERRETDB: Engine = {
  name: 'ferretdb',
  what: 'FerretDB 1.24.2 on SQLite',
  program: PROGRAM,
  ports: { first: 27_117, clients: 1, inner: 0 },
  url: mongodbUrl,
  prepare: async (place) => {
    await mkdir(join(place.folder, 'data'), { recursive: true })
    return [[ferretdb(place, ['-handler', 'sqlite', '-url', 'file:data/'])]]
  },
}

// An `update` takes one connection of the pool for each of its statements, and with the usual pool fifty of them hang the whole server.
const POOL_MAX = 1_050

export const FERRETDB_PG: Engine = {
  name: 'ferretdb-pg',
  what: 'FerretDB 1.24.2 on a PostgreSQL of its own',
  program: PROGRAM,
  ports: { first: 27_217, clients: 1, inner: 1 },
  check: checkPostgreSQL,
  url: mongodbUrl,
  prepare: async (place) => {
    const [port = 0] = place.ports.inner
    const url = `postgres://postgres@${HOST}:${port}/postgres?pool_max_conns=${POOL_MAX}`
    return [
      [await preparePostgreSQL(place, port, POOL_MAX + 50)],
      [ferretdb(place, ['-handler', 'postgresql', '-url', url])],
    ]
  },
}

function ferretdb({ program, folder, ports }: Place, args: readonly string[]): ProcessPlan {
  const [port = 0] = ports.clients
  return {
    name: 'ferretdb',
    command: join(program, 'ferretdb'),
    args: ['-listen', `${HOST}:${port}`, ...args],
    folder,
    stopSignal: 'SIGTERM',
    probe: { protocol: 'mongodb', port },
  }
}

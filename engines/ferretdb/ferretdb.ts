import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Engine, Place, ProcessPlan } from '../engine.ts'
import { HOST } from '../machine/ports.ts'
import { GO, OPENSSL } from '../machine/tools.ts'
import { mongodbUrl, secureMongodbUrl } from '../mongodb-url.ts'
import type { Program } from '../program.ts'
import { certificateFor } from '../security/certificate.ts'
import { securityIn } from '../security/security.ts'
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
    return [
      [await preparePostgreSQL(place, { port, connectionsMax: POOL_MAX + 50 })],
      [ferretdb(place, onPostgreSQL(`postgres@${HOST}:${port}`))],
    ]
  },
}

/** FerretDB 1.x keeps no users of its own: what a client says with the mechanism PLAIN it says to PostgreSQL, with the first command. */
export const FERRETDB_SECURE: Engine = {
  name: 'ferretdb-secure',
  what: 'FerretDB 1.24.2 on a PostgreSQL of its own, with TLS and credentials',
  program: { ...PROGRAM, tools: [...PROGRAM.tools, OPENSSL] },
  ports: { first: 27_417, clients: 1, inner: 1 },
  check: checkPostgreSQL,
  url: secureMongodbUrl,
  security: securityIn,
  prepare: async (place) => {
    const [port = 0] = place.ports.inner
    const security = securityIn(place.folder)
    const { certificateFile, keyFile } = await certificateFor(place)
    const tls = ['-tls-cert', certificateFile, '-tls-key', keyFile]
    const { probe, ...plan } = ferretdb(place, [...onPostgreSQL(`${HOST}:${port}`), ...tls])
    return [
      [await preparePostgreSQL(place, { port, connectionsMax: POOL_MAX + 50, security })],
      [{ ...plan, probe: { ...probe, caFile: security.caFile } }],
    ]
  },
}

function onPostgreSQL(where: string): readonly string[] {
  return ['-handler', 'postgresql', '-url', `postgres://${where}/postgres?pool_max_conns=${POOL_MAX}`]
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

import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Engine, Place, ProcessPlan } from '../engine.ts'
import { COPY_JARS } from '../machine/maven.ts'
import { HOST, type Ports } from '../machine/ports.ts'
import { JAVA, MAVEN, OPENSSL } from '../machine/tools.ts'
import type { Program } from '../program.ts'
import { certificateFor } from '../security/certificate.ts'
import { type Security, securityIn } from '../security/security.ts'
import { plainListeners, scramUsers, secureListeners } from './listeners.ts'
import { type Node, serverProperties } from './server-properties.ts'

const PROGRAM: Program = {
  name: 'Kafka',
  version: '4.3.1',
  tools: [JAVA, MAVEN],
  takes: 'about 20 seconds and 44 MB',
  recipe: fileURLToPath(new URL('recipe', import.meta.url)),
  steps: [COPY_JARS],
}

export const KAFKA: Engine = {
  name: 'kafka',
  what: 'Kafka 4.3.1, one broker',
  program: PROGRAM,
  ports: { first: 19_092, clients: 1, inner: 1 },
  url: bootstrapServers,
  // A broker alone hands its partitions over to nobody, and takes 4 s for the rest of an orderly end.
  prepare: (place) => prepare(place, { heap: '-Xmx256m', stopSignal: 'SIGTERM' }),
}

export const KAFKA3: Engine = {
  name: 'kafka3',
  what: 'Kafka 4.3.1, three brokers: three copies, two in sync for a write',
  program: PROGRAM,
  ports: { first: 19_192, clients: 3, inner: 3 },
  url: bootstrapServers,
  // The last of three that are asked to end waits for minutes for a quorum that is gone.
  prepare: (place) => prepare(place, { heap: '-Xmx128m', stopSignal: 'SIGKILL' }),
}

export const KAFKA_SECURE: Engine = {
  name: 'kafka-secure',
  what: 'Kafka 4.3.1, one broker, with TLS and credentials',
  program: { ...PROGRAM, tools: [...PROGRAM.tools, OPENSSL] },
  ports: { first: 19_292, clients: 1, inner: 2 },
  url: bootstrapServers,
  security: securityIn,
  prepare: async (place) => {
    const security = securityIn(place.folder)
    return prepare(place, { heap: '-Xmx256m', stopSignal: 'SIGTERM', security })
  },
}

interface Manner {
  readonly heap: string
  readonly stopSignal: ProcessPlan['stopSignal']
  /** Of the clients' listener; none without. */
  readonly security?: Security
}

function bootstrapServers({ clients }: Ports): string {
  return clients.map((port) => `${HOST}:${port}`).join(',')
}

async function prepare(place: Place, { heap, stopSignal, security }: Manner) {
  const classes = ['-cp', join(place.program, 'lib', '*')]
  const nodes = nodesOf(place.ports)
  const cluster = clusterId()
  const listeners = await listenersFor(place, security)
  const plans: ProcessPlan[] = []
  for (const node of nodes) {
    const folder = join(place.folder, `broker-${node.id}`)
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'server.properties'), serverProperties(node, nodes, listeners(node)))
    if (!existsSync(join(folder, 'data', 'meta.properties')))
      await place.run(
        'java',
        [
          '-Xmx64m',
          '-XX:+UseSerialGC',
          ...classes,
          'kafka.tools.StorageTool',
          'format',
          '-t',
          cluster,
          '-c',
          'server.properties',
          ...(security === undefined ? [] : scramUsers(security)),
        ],
        folder,
      )
    plans.push({
      name: `broker-${node.id}`,
      command: 'java',
      args: [
        '-Xms64m',
        heap,
        '-XX:+UseSerialGC',
        '-Djava.awt.headless=true',
        `-Dlog4j2.configurationFile=${join(place.program, 'log4j2.properties')}`,
        ...classes,
        'kafka.Kafka',
        'server.properties',
      ],
      folder,
      stopSignal,
      probe: { protocol: 'kafka', port: node.port, brokers: nodes.length, caFile: security?.caFile },
    })
  }
  return [plans]
}

async function listenersFor(place: Place, security: Security | undefined) {
  if (security === undefined) return plainListeners
  const door = { security, certificate: await certificateFor(place), innerPort: place.ports.inner[1] ?? 0 }
  return (node: Node) => secureListeners(node, door)
}

function nodesOf({ clients, inner }: Ports): readonly Node[] {
  return clients.map((port, i) => ({ id: i + 1, port, controllerPort: inner[i] ?? 0 }))
}

/** As Kafka's own `random-uuid` makes it, without a JVM: one that begins with a dash would look like an option. */
function clusterId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? clusterId() : id
}

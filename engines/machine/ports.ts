import { once } from 'node:events'
import { createServer } from 'node:net'
import { EngineError } from '../errors.ts'

export const HOST = '127.0.0.1'

export interface PortsWanted {
  /** Where the first client port is, unless somebody else has it or another is asked for. */
  readonly first: number
  /** How many in a row clients connect to. */
  readonly clients: number
  /** How many more the engine needs for itself: any. */
  readonly inner: number
}

export interface Ports {
  readonly clients: readonly number[]
  readonly inner: readonly number[]
}

/**
 * Below the range from which systems take ports for outgoing connections: there, whoever tries again and again to reach an engine that
 * is down would one day connect to itself, and hold the port.
 */
const FREE = { from: 15_000, to: 32_000 }
const TRIES_MAX = 1_000

/** `asked`: exactly these client ports, or a port_taken; 0: any that are free; undefined: those of before, else the usual ones, else any. */
export async function choosePorts(wanted: PortsWanted, asked: number | undefined, before?: Ports): Promise<Ports> {
  if (asked === undefined && before !== undefined && (await areFree([...before.clients, ...before.inner])))
    return before
  const clients = await clientPorts(wanted, asked)
  const inner: number[] = []
  while (inner.length < wanted.inner) inner.push(...(await freePorts(1, [...clients, ...inner])))
  return { clients, inner }
}

async function clientPorts({ first, clients }: PortsWanted, asked: number | undefined): Promise<readonly number[]> {
  if (asked !== undefined && asked !== 0) {
    const ports = row(asked, clients)
    for (const port of ports)
      if (!(await isFree(port)))
        throw new EngineError(
          'port_taken',
          `Port ${port} is taken: free it, name another with --port, or any with --port 0.`,
        )
    return ports
  }
  const usual = row(first, clients)
  return asked === undefined && (await areFree(usual)) ? usual : freePorts(clients, [])
}

/** So many in a row. */
async function freePorts(count: number, except: readonly number[]): Promise<readonly number[]> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const ports = row(FREE.from + Math.floor(Math.random() * (FREE.to - FREE.from)), count)
    if (!ports.some((port) => except.includes(port)) && (await areFree(ports))) return ports
  }
  throw new EngineError('port_taken', `There are no ${count} free ports in a row between ${FREE.from} and ${FREE.to}.`)
}

async function areFree(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) if (!(await isFree(port))) return false
  return true
}

export async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, HOST)
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

function row(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => first + i)
}

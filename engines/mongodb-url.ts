import { HOST, type Ports } from './machine/ports.ts'

/** Every stand-in for MongoDB here is a server alone: without `directConnection` a driver looks for others. */
export function mongodbUrl({ clients }: Ports): string {
  return `mongodb://${HOST}:${clients[0]}/?directConnection=true`
}

/** Without credentials: what they are, and whose certificate it is, says the engine's `security`. */
export function secureMongodbUrl(ports: Ports): string {
  return `${mongodbUrl(ports)}&tls=true`
}

import { join } from 'node:path'

/** What a client of an engine with TLS and credentials needs. */
export interface Security {
  readonly username: string
  readonly password: string
  /** PEM of the authority that signed the engine's certificate: made for this one engine, and nobody else's. */
  readonly caFile: string
}

/** Beside the engine's data. The password is no secret: it has what has to be escaped in URLs. */
export function securityIn(folder: string): Security {
  return { username: 'holdfast', password: 'no/secret:at@all%20', caFile: join(securityFolder(folder), 'ca.pem') }
}

export function securityFolder(folder: string): string {
  return join(folder, 'security')
}

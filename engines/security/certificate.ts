import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Place } from '../engine.ts'
import { HOST } from '../machine/ports.ts'
import { securityFolder } from './security.ts'

const DAYS = '3650' // a developer's engine keeps its data, and so its certificate, for as long as it likes

const CONFIG = `[req]
distinguished_name = name
prompt = no
[name]
CN = Holdfast engine
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:${HOST}, DNS:localhost
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`

export interface Certificate {
  readonly certificateFile: string
  /** PKCS #8, without a passphrase. */
  readonly keyFile: string
  /** Both in one file, as Kafka wants them. */
  readonly keystoreFile: string
}

/** Made once for each folder, by an authority whose key is thrown away: it signs nothing else. */
export async function certificateFor(place: Place): Promise<Certificate> {
  const folder = securityFolder(place.folder)
  if (!existsSync(folder)) {
    const partial = `${folder}.partial`
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { mode: 0o700 })
    await makeCertificate(place, partial)
    await rename(partial, folder)
  }
  return {
    certificateFile: join(folder, 'server.pem'),
    keyFile: join(folder, 'server-key.pem'),
    keystoreFile: join(folder, 'keystore.pem'),
  }
}

async function makeCertificate({ run }: Place, folder: string): Promise<void> {
  await writeFile(join(folder, 'openssl.cnf'), CONFIG)
  const openssl = (...args: readonly string[]) => run('openssl', args, folder)
  const request = ['req', '-new', '-config', 'openssl.cnf', '-nodes', '-newkey', 'ec']
  const newKey = [...request, '-pkeyopt', 'ec_paramgen_curve:P-256', '-keyout']
  const authority = ['-x509', '-days', DAYS, '-extensions', 'authority', '-subj', '/CN=Holdfast engine authority']
  await openssl(...newKey, 'ca-key.pem', ...authority, '-out', 'ca.pem')
  await openssl(...newKey, 'server-key.pem', '-out', 'server.csr')
  const signer = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial']
  const extensions = ['-extfile', 'openssl.cnf', '-extensions', 'server']
  await openssl('x509', '-req', '-in', 'server.csr', ...signer, ...extensions, '-days', DAYS, '-out', 'server.pem')
  await rm(join(folder, 'ca-key.pem'))
  const parts = ['server-key.pem', 'server.pem', 'ca.pem'].map((file) => readFile(join(folder, file), 'utf8'))
  await writeFile(join(folder, 'keystore.pem'), (await Promise.all(parts)).join(''), { mode: 0o600 })
}

import { randomBytes } from 'node:crypto'
import { chmodSync, closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** The installation's own secret, in its data folder: 32 random bytes in base64url. Whoever can read it can sign in as anybody. */
export const SECRET_FILE = 'secret'
const SECRET_BYTES = 32

/** The secret of the installation in this folder, made if there is none. Throws an Error that says what to do where the file is damaged. */
export function createSecret(folder: string): Uint8Array {
  return readSecret(folder) ?? writeSecret(folder)
}

/** The secret of the installation in this folder; undefined where there is none. */
export function readSecret(folder: string): Uint8Array | undefined {
  const file = join(folder, SECRET_FILE)
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
  const secret = Buffer.from(text, 'base64url')
  if (secret.byteLength !== SECRET_BYTES)
    throw new Error(
      `${file} is damaged: put it back from a backup, or delete it, which ends every token signed with it`,
    )
  // A folder that was copied may have lost the mode.
  if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600)
  return secret
}

/** Written beside and then linked, so that nobody ever reads half a secret, and of two processes that begin at once both use the first one's. */
function writeSecret(folder: string): Uint8Array {
  const file = join(folder, SECRET_FILE)
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  const descriptor = openSync(draft, 'wx', 0o600)
  try {
    writeSync(descriptor, `${randomBytes(SECRET_BYTES).toString('base64url')}\n`)
    fsyncSync(descriptor)
    linkSync(draft, file)
    syncFolder(folder)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  } finally {
    closeSync(descriptor)
    rmSync(draft, { force: true })
  }
  const secret = readSecret(folder)
  if (secret === undefined) throw new Error(`${file} was removed while it was being made: start again`)
  return secret
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

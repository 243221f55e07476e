import { createRequire } from 'node:module'
import { LIMITS, utf8Length } from '@holdfast/protocol'
import type { Bodies } from '@holdfast/protocol/schemas'
import type { Validator } from 'typebox/compile'
import { Problem } from '../core/problem.ts'

/** Checks a body against its schema: returns it, or throws a Problem that names the first difference. */
export type BodyCheck<Body> = (body: unknown) => Body

export const checkSendMessage = checked('sendMessage')
export const checkCreateRoom = checked('createRoom')
export const checkSignIn = checked('signIn')
const checkUser = checked('putUser')

/** A user may be put without saying anything about them. */
export const checkPutUser: typeof checkUser = (body) => checkUser(body === undefined ? {} : body)

const DECODER = new TextDecoder('utf-8', { fatal: true })

/** The JSON of a body; undefined for an empty one. Throws a BAD_FRAME Problem. */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) return undefined
  try {
    return JSON.parse(DECODER.decode(bytes))
  } catch {
    throw new Problem('BAD_FRAME', 'body: it is not JSON in UTF-8')
  }
}

/** Loaded and compiled at its first use, so that a start does not wait for what nobody may ask. */
function checked<Name extends keyof Bodies>(name: Name): BodyCheck<Bodies[Name]> {
  let compiled: Validator | undefined
  return (body) => {
    if (body === undefined) throw new Problem('BAD_FRAME', 'body: it is missing; send JSON')
    compiled ??= compile(name)
    if (compiled.Check(body)) return body as Bodies[Name]
    throw tooLarge(body) ?? difference(compiled, body)
  }
}

const require = createRequire(import.meta.url)

function compile(name: keyof Bodies): Validator {
  const { BODIES } = require('@holdfast/protocol/schemas') as typeof import('@holdfast/protocol/schemas')
  const { Compile } = require('typebox/compile') as typeof import('typebox/compile')
  return Compile(BODIES[name])
}

function difference(compiled: Validator, body: unknown): Problem {
  const [error] = compiled.Errors(body)
  if (error === undefined) return new Problem('BAD_FRAME')
  const where = error.instancePath.slice(1).replaceAll('/', '.').slice(0, 100)
  // The schema of a field that nobody knows is "false".
  if (error.keyword === 'boolean') return new Problem('BAD_FRAME', `${where}: is not known here`)
  return new Problem('BAD_FRAME', `${where === '' ? 'body' : where}: ${error.message}`)
}

/** What is only too long has a code of its own: its sender can shorten it. */
function tooLarge(body: unknown): Problem | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const { text, name, members } = body as Readonly<Record<string, unknown>>
  if (typeof text === 'string' && text.isWellFormed() && utf8Length(text) > LIMITS.textBytesMax)
    return new Problem('TOO_LARGE', `text: is over ${LIMITS.textBytesMax} bytes`)
  if (typeof name === 'string' && name.isWellFormed() && utf8Length(name) > LIMITS.nameBytesMax)
    return new Problem('TOO_LARGE', `name: is over ${LIMITS.nameBytesMax} bytes`)
  if (Array.isArray(members) && members.length > LIMITS.membersPerCommandMax)
    return new Problem('TOO_LARGE', `members: more than ${LIMITS.membersPerCommandMax}; add the others one by one`)
  return undefined
}

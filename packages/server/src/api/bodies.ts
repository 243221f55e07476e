import { createRequire } from 'node:module'
import { LIMITS, utf8Length } from '@holdfast/protocol'
import type { Validator } from 'typebox/compile'
import { Problem } from '../core/problem.ts'
import type { BodyName } from './route.ts'

/** Checks a body: returns it, or throws a Problem that names the first difference. */
export type BodyCheck = (body: unknown) => Record<PropertyKey, unknown>

/** Loaded and compiled at its first use, so that a start does not wait for what nobody may ask. */
export function bodyCheck(name: BodyName): BodyCheck {
  let loaded: { readonly schema: Validator; readonly isOptional: boolean } | undefined
  return (given) => {
    loaded ??= load(name)
    const { schema, isOptional } = loaded
    const body = given === undefined && isOptional ? {} : given
    if (body === undefined) throw new Problem('BAD_FRAME', 'body: it is missing; send JSON')
    if (schema.Check(body)) return body as Record<PropertyKey, unknown>
    throw tooLarge(body) ?? difference(schema, body)
  }
}

const require = createRequire(import.meta.url)

function load(name: BodyName) {
  const { BODIES } = require('@holdfast/protocol/schemas') as typeof import('@holdfast/protocol/schemas')
  const { Compile } = require('typebox/compile') as typeof import('typebox/compile')
  const schema = BODIES[name]
  const required: readonly string[] = schema.required ?? []
  return { schema: Compile(schema) as Validator, isOptional: required.length === 0 }
}

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

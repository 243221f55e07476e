import { createRequire } from 'node:module'
import { LIMITS, type Request, utf8Length } from '@holdfast/protocol'
import type { Validator } from 'typebox/compile'
import { Problem } from '../core/problem.ts'

/** What a text frame is: a request, or what is wrong with it and as much of its `ref` as could be read. */
export type Reading =
  | { readonly request: Request; readonly problem?: undefined }
  | { readonly problem: Problem; readonly ref: number | null; readonly request?: undefined }

/** Reads one frame: JSON, then its type, then the one schema of that type. */
export function readRequest(text: string): Reading {
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch {
    return { problem: new Problem('BAD_FRAME', 'The frame is not JSON.'), ref: null }
  }
  if (typeof frame !== 'object' || frame === null || Array.isArray(frame))
    return { problem: new Problem('BAD_FRAME', 'The frame is not a JSON object.'), ref: null }
  const { type, ref } = frame as { type?: unknown; ref?: unknown }
  const known = typeof ref === 'number' && Number.isSafeInteger(ref) && ref >= 0 ? ref : null
  if (typeof type !== 'string') return { problem: new Problem('BAD_FRAME', 'type: must be a string'), ref: known }
  if (!isType(type))
    return { problem: new Problem('UNKNOWN_TYPE', `There is no request "${type.slice(0, 40)}".`), ref: known }
  const checker = checkerOf(type)
  return checker.Check(frame)
    ? { request: frame as Request }
    : { problem: difference(type, checker.Errors(frame), frame), ref: known }
}

type RequestType = Request['type']
type Difference = ReturnType<Validator['Errors']>[number]

/** Compiled when a type is first met: compiling all of them would make every start wait. */
const checkers = new Map<RequestType, Validator>()

type Schemas = typeof import('@holdfast/protocol/schemas')
type TypeBox = typeof import('typebox/compile')
const require = createRequire(import.meta.url)
let loaded: (Pick<Schemas, 'REQUESTS'> & Pick<TypeBox, 'Compile'>) | undefined

/** For who takes a socket: what its frames are checked with is there, or is loaded now. */
export function canReadRequests(): boolean {
  try {
    return loadSchemas() !== undefined
  } catch {
    // Too many files are open, say. The next socket tries again.
    return false
  }
}

/**
 * What frames are checked with. It is 700 files, so a start does without: the first socket loads them, or whoever calls this in an
 * idle moment before. All at once, because a frame must be answered before the next one.
 */
export function loadSchemas() {
  if (loaded === undefined) {
    const { REQUESTS } = require('@holdfast/protocol/schemas') as Schemas
    const { Compile } = require('typebox/compile') as TypeBox
    loaded = { REQUESTS, Compile }
  }
  return loaded
}

function checkerOf(type: RequestType): Validator {
  let checker = checkers.get(type)
  if (checker === undefined) {
    const { REQUESTS, Compile } = loadSchemas()
    checker = Compile(REQUESTS[type]) as Validator
    checkers.set(type, checker)
  }
  return checker
}

function isType(type: string): type is RequestType {
  return Object.hasOwn(loadSchemas().REQUESTS, type)
}

/** The first difference, in a sentence that begins with the field. */
function difference(type: RequestType, [first]: readonly Difference[], frame: object): Problem {
  if (first === undefined) return new Problem('BAD_FRAME')
  const field = first.instancePath.slice(1).replaceAll('/', '.').slice(0, 100)
  // The schema of a field that nobody knows is "false".
  if (first.keyword === 'boolean') return new Problem('BAD_FRAME', `${field}: is no field of ${type}`)
  const text = 'text' in frame ? frame.text : undefined
  const isLong =
    field === 'text' && typeof text === 'string' && text.isWellFormed() && utf8Length(text) > LIMITS.textBytesMax
  if (isLong) return new Problem('TOO_LARGE', `text: is over ${LIMITS.textBytesMax} bytes`)
  if (first.keyword === 'maxItems') return new Problem('TOO_LARGE', `${field}: ${first.message}`)
  return new Problem('BAD_FRAME', field === '' ? first.message : `${field}: ${first.message}`)
}

import { basename } from 'node:path'
import { LIMITS, utf8Length } from '@holdfast/protocol'
import { sha256 } from '../../adapters/system/sha256.ts'
import { brokenLimit } from '../../core/command.ts'
import { hashOf } from '../../core/identity.ts'
import type { SourceLine } from './source.ts'

/** One message to import. */
export interface ImportLine {
  readonly number: number
  readonly room: string
  readonly sender: string
  /** Milliseconds UTC; undefined: the time of the import. */
  readonly at: number | undefined
  readonly text: string
  /** What it takes up while it waits. */
  readonly bytes: number
}

export interface BrokenLine {
  readonly number: number
  readonly problem: string
}

const FIELDS = ['room', 'sender', 'at', 'text']
const AT_MAX = 8_640_000_000_000_000
const INSTANT = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?$/

/** Reads `{room, sender, at?, text}`, and says in a sentence what is wrong with anything else. */
export function parseLine(line: SourceLine): ImportLine | BrokenLine {
  if ('problem' in line) return line
  const { number } = line
  const broken = (problem: string): BrokenLine => ({ number, problem })
  let value: unknown
  try {
    value = JSON.parse(line.text)
  } catch {
    return broken('is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return broken('is not an object')
  // A misspelt `at` that is passed over would lose the time of every message.
  const unknown = Object.keys(value).find((field) => !FIELDS.includes(field))
  if (unknown !== undefined)
    return broken(`has an unknown field ${JSON.stringify(unknown)}; known are ${FIELDS.join(', ')}`)
  const { room, sender, at, text } = value as Record<string, unknown>
  if (typeof room !== 'string') return broken(`room: ${missingOr(room, 'a string')}`)
  if (typeof sender !== 'string') return broken(`sender: ${missingOr(sender, 'a string')}`)
  if (typeof text !== 'string') return broken(`text: ${missingOr(text, 'a string')}`)
  const time = instantOf(at)
  if (typeof time === 'string') return broken(`at: ${time}`)
  const limit = brokenLimit(sha256, {
    room,
    sender,
    clientId: 'import',
    authority: 'administrator',
    at: time,
    content: { kind: 'message', text },
    replay: 0,
  })
  if (limit !== undefined) return broken(limit.message)
  return { number, room, sender, at: time, text, bytes: line.bytes }
}

function missingOr(value: unknown, wanted: string): string {
  return value === undefined ? 'is missing' : `must be ${wanted}`
}

/** Milliseconds; undefined where none is given; a string says what is wrong. */
function instantOf(at: unknown): number | undefined | string {
  if (at === undefined) return undefined
  if (typeof at === 'number')
    return Number.isSafeInteger(at) && at >= 0 && at <= AT_MAX ? at : 'must be whole milliseconds since 1970'
  if (typeof at !== 'string') return 'must be an ISO 8601 instant or milliseconds since 1970'
  const [, date, zone] = INSTANT.exec(at) ?? []
  if (date === undefined) return `must be like 2004-12-25T09:14Z, not ${JSON.stringify(at)}`
  if (zone === undefined) return `${JSON.stringify(at)} has no time zone: end it with Z, or with one like +01:00`
  const time = Date.parse(at)
  // Date.parse takes February 30 for March 1.
  if (Number.isNaN(time) || new Date(`${date}T00:00Z`).toISOString().slice(0, 10) !== date)
    return `${JSON.stringify(at)} does not exist`
  return time >= 0 ? time : `${JSON.stringify(at)} is before 1970`
}

/** `import:NAME:99999999999:member` must fit an id. */
const NAME_BYTES_MAX = LIMITS.idBytesMax - 'import::'.length - ':member'.length - 16
const NAME_SHORT_LENGTH = 20

/**
 * The client ids of an import. They come from the file's name and a line's number alone, so that the same file sent again,
 * wholly or in part, asks for nothing new.
 */
export class ImportIds {
  readonly name: string

  constructor(name: string) {
    // Ids hold no control characters and have a length: a name that does not fit keeps its beginning, and is told apart by a hash.
    const fits = utf8Length(name) <= NAME_BYTES_MAX && /^[^\p{Cc}\p{Cs}]+$/u.test(name)
    this.name = fits
      ? name
      : `${name.replace(/[^\p{L}\p{N}._-]/gu, '').slice(0, NAME_SHORT_LENGTH)}~${hashOf(sha256, [name])}`.toWellFormed()
  }

  message({ number }: ImportLine): string {
    return `import:${this.name}:${number}`
  }

  /** Of the command that creates this line's room. */
  room({ number }: ImportLine): string {
    return `import:${this.name}:${number}:room`
  }

  /** Of the command that makes this line's sender a member. */
  member({ number }: ImportLine): string {
    return `import:${this.name}:${number}:member`
  }
}

/** The file's base name without `.jsonl` or `.jsonl.gz`. */
export function nameOf(path: string): string {
  return basename(path)
    .replace(/\.gz$/, '')
    .replace(/\.jsonl$/, '')
}

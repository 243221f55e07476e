import { Problem } from '../core/problem.ts'

/** One parameter of a query: what it may be, and how its text is read. */
export interface Parameter<Value> {
  /** In words: `integer, 1 to 200`. */
  readonly type: string
  /** What it does, and what holds without it. */
  readonly about: string
  /** `text` is undefined where it is not given. Throws a BAD_FRAME Problem. */
  read(name: string, text: string | undefined): Value
}

/** The parameters a query may have, by name; any other is refused. */
export type Parameters = Readonly<Record<string, Parameter<unknown>>>

/** What reading a query gives. */
export type Query<Table extends Parameters> = {
  readonly [Name in keyof Table]: Table[Name] extends Parameter<infer Value> ? Value : never
}

/**
 * The query of a request's target. Throws a BAD_FRAME Problem for a parameter that is not known, given twice or badly encoded:
 * a misspelt one must not be ignored silently. `+` is a blank, as browsers write it.
 */
export function readQuery(target: string, known: Parameters): Readonly<Record<string, unknown>> {
  const given = pairs(target, known)
  return Object.fromEntries(Object.entries(known).map(([name, { read }]) => [name, read(name, given.get(name))]))
}

/** A text that may be left out. */
export function text(about: string): Parameter<string | undefined> {
  return { type: 'text', about, read: (_name, text) => text }
}

/** A whole number within bounds; `initial` where it is not given. */
export function integer<Initial extends number | undefined>(
  about: string,
  min: number,
  max: number,
  initial: Initial,
): Parameter<number | Initial> {
  const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`
  const note = initial === undefined ? '' : ` By default ${initial}.`
  return {
    type: `integer, ${range}`,
    about: `${about}${note}`,
    read(name, text) {
      if (text === undefined) return initial
      const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
      if (value >= min && value <= max) return value
      throw badQuery(`${name} must be a whole number from ${min} to ${max}`)
    },
  }
}

/** One of a few words; the first where it is not given. */
export function choice<const Word extends string>(about: string, words: readonly [Word, ...Word[]]): Parameter<Word> {
  return {
    type: words.map((word) => `\`${word}\``).join(' or '),
    about: `${about} By default \`${words[0]}\`.`,
    read(name, text) {
      if (text === undefined) return words[0]
      const word = words.find((word) => word === text)
      if (word === undefined) throw badQuery(`${name} must be one of ${words.join(', ')}`)
      return word
    },
  }
}

function pairs(target: string, known: Parameters): ReadonlyMap<string, string> {
  const given = new Map<string, string>()
  const start = target.indexOf('?')
  if (start < 0) return given
  for (const pair of target.slice(start + 1).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals))
    if (!Object.hasOwn(known, name)) {
      const names = Object.keys(known)
      throw badQuery(
        `${JSON.stringify(name)} is not known${names.length === 0 ? '' : `; it may be ${names.join(', ')}`}`,
      )
    }
    if (given.has(name)) throw badQuery(`${name} is given twice`)
    given.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)))
  }
  return given
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw badQuery('it is not percent-encoded UTF-8')
  }
}

function badQuery(what: string): Problem {
  return new Problem('BAD_FRAME', `query: ${what}`)
}

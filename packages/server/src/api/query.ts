import { Problem } from '../core/problem.ts'
import type { Query } from './route.ts'

const NOTHING: Query = new Map()

/**
 * The query of a request's target. Throws a BAD_FRAME Problem for a parameter that is not known, given twice or badly encoded:
 * a misspelt one must not be ignored silently. `+` is a blank, as browsers write it.
 */
export function parseQuery(target: string, known: readonly string[]): Query {
  const start = target.indexOf('?')
  if (start < 0 || start === target.length - 1) return NOTHING
  const query = new Map<string, string>()
  for (const pair of target.slice(start + 1).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals))
    if (!known.includes(name))
      throw badQuery(
        `${JSON.stringify(name)} is not known${known.length === 0 ? '' : `; it may be ${known.join(', ')}`}`,
      )
    if (query.has(name)) throw badQuery(`${name} is given twice`)
    query.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)))
  }
  return query
}

/** A whole number within bounds; undefined where it is not given. */
export function integer(query: Query, name: string, min: number, max: number): number | undefined {
  const text = query.get(name)
  if (text === undefined) return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw badQuery(`${name} must be a whole number from ${min} to ${max}`)
}

/** One of a few words; the first where it is not given. */
export function choice<const Word extends string>(query: Query, name: string, words: readonly [Word, ...Word[]]): Word {
  const text = query.get(name)
  if (text === undefined) return words[0]
  const word = words.find((word) => word === text)
  if (word === undefined) throw badQuery(`${name} must be one of ${words.join(', ')}`)
  return word
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

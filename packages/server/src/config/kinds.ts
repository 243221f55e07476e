/** One setting: what it is for, and how its value is read. */
export interface Setting<Value> {
  readonly setting: true
  readonly default: Value
  /** What its value may be, in words. */
  readonly type: string
  /** What its value is called where a flag is shown: `N`, `URL`. */
  readonly value: string
  /** What it is, or which failure it prevents. */
  readonly why: string
  /** Secrets have no flag: arguments of a process are for everybody to see. */
  readonly isSecret: boolean
  /** The value of a text or of the file's JSON; undefined where it is none. */
  parse(value: unknown): Value | undefined
}

/** Settings by name, in groups. */
export interface Table {
  readonly [name: string]: Setting<unknown> | Table
}

/** What reading a table gives. */
export type Values<Node extends Table> = {
  readonly [Name in keyof Node]: Node[Name] extends Setting<infer Value>
    ? Value
    : Node[Name] extends Table
      ? Values<Node[Name]>
      : never
}

/** No wait of ours is longer. */
const DAY_MS = 86_400_000

function setting<Value>(
  names: { readonly type: string; readonly value: string },
  initial: Value,
  why: string,
  parse: (value: unknown) => Value | undefined,
): Setting<Value> {
  return { setting: true, ...names, default: initial, why, isSecret: false, parse }
}

export function secret<Value>(setting: Setting<Value>): Setting<Value> {
  return { ...setting, isSecret: true }
}

export function integer(initial: number, why: string, min: number, max: number, called = 'N'): Setting<number> {
  const type = max === Number.MAX_SAFE_INTEGER ? `integer, at least ${min}` : `integer, ${min} to ${max}`
  return setting({ type, value: called }, initial, why, (value) => {
    const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
    return typeof number === 'number' && Number.isSafeInteger(number) && number >= min && number <= max
      ? number
      : undefined
  })
}

/** An integer that need not be set: what holds then is said by `why`. */
export function optionalInteger(why: string, min: number, max: number): Setting<number | undefined> {
  return { ...integer(min, why, min, max), default: undefined }
}

/** A number of things, at least one. */
export function count(initial: number, why: string, max: number = Number.MAX_SAFE_INTEGER): Setting<number> {
  return integer(initial, why, 1, max)
}

/** Milliseconds, up to a day. */
export function ms(initial: number, why: string): Setting<number> {
  return integer(initial, why, 1, DAY_MS, 'MS')
}

export function bytes(initial: number, why: string): Setting<number> {
  return integer(initial, why, 1, Number.MAX_SAFE_INTEGER, 'BYTES')
}

export function backoff(initial: { readonly delayMs: number; readonly delayMsMax: number }, when: string) {
  return {
    delayMs: ms(initial.delayMs, `The first wait ${when}, at most; it doubles with each.`),
    delayMsMax: ms(initial.delayMsMax, `The longest wait ${when}.`),
  }
}

export function text(initial: string, why: string, called: string): Setting<string> {
  return setting({ type: 'text', value: called }, initial, why, nonEmpty)
}

export function optional(
  type: 'text' | 'URL' | 'file',
  why: string,
  accepts: (text: string) => boolean = () => true,
): Setting<string | undefined> {
  return setting<string | undefined>({ type, value: type.toUpperCase() }, undefined, why, (value) => {
    const text = nonEmpty(value)
    return text !== undefined && accepts(text) ? text : undefined
  })
}

export function choice<const Word extends string>(words: readonly [Word, ...Word[]], why: string): Setting<Word> {
  const names = { type: `one of ${words.join(', ')}`, value: words.join('|') }
  return setting(names, words[0], why, (value) => words.find((word) => word === value))
}

/** One or several of these words; all of them by default. */
export function choices<const Word extends string>(words: readonly Word[], why: string): Setting<readonly Word[]> {
  const names = { type: `one or several of ${words.join(', ')}, with commas between them`, value: words.join(',') }
  return setting<readonly Word[]>(names, words, why, (value) => {
    const given = typeof value === 'string' ? value.split(',').map((word) => word.trim()) : value
    if (!Array.isArray(given) || given.length === 0) return undefined
    const isKnown = given.every((word) => words.includes(word))
    return isKnown ? words.filter((word) => given.includes(word)) : undefined
  })
}

export function list(initial: readonly string[], why: string, things: string): Setting<readonly string[]> {
  return setting(
    { type: `${things}, with commas between them`, value: things.toUpperCase() },
    initial,
    why,
    (value) => {
      const items = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value
      const isList = Array.isArray(items) && items.length > 0 && items.every((item) => nonEmpty(item) !== undefined)
      return isList ? (items as string[]) : undefined
    },
  )
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Whether it is a URL of one of these schemes, such as `kafka:`; hosts may be several, which `URL` does not read. */
export function hasScheme(...schemes: readonly string[]): (text: string) => boolean {
  return (text) => schemes.some((scheme) => text.toLowerCase().startsWith(scheme))
}

export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}

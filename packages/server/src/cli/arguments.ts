import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { nearest } from '../core/nearest.ts'
import { usageError } from './command.ts'
import { wrapped } from './wrap.ts'

export interface Option {
  readonly type: 'string' | 'boolean'
  /** What its value is called in the help: `DIR`. */
  readonly value?: string
  readonly text: string
}
export type Options = Readonly<Record<string, Option>>

export type Values<Table extends Options> = {
  readonly [Name in keyof Table]: Table[Name]['type'] extends 'boolean' ? boolean : string | undefined
}

/** What a command says of itself, for its help. */
export interface Description {
  readonly name: string
  /** After the name: `ROOM [OPTIONS]`. */
  readonly usage: string
  readonly about: string
  readonly options: Options
  /** What else is to be said behind the options. */
  readonly more?: string
  readonly exits: readonly (readonly [code: number, meaning: string])[]
  /** Commands, without the leading `holdfast`, and what they do. */
  readonly examples: readonly (readonly [command: string, effect: string])[]
}

/** What `--help` prints. No line is longer than a usual terminal. */
export function helpOf({ name, usage, about, options, more, exits, examples }: Description): string {
  const help: Option = options.help ?? { type: 'boolean', text: 'this text' }
  const flags = Object.entries({ ...options, help }).map(
    ([flag, { value, text }]) => [`--${flag}${value === undefined ? '' : ` ${value}`}`, text] as const,
  )
  const parts = [
    `Usage: holdfast ${name} ${usage}`,
    wrapped(about),
    `Options:\n${columns(flags)}`,
    more,
    `Exit codes:\n${columns(exits.map(([code, meaning]) => [String(code).padEnd(3), meaning]))}`,
    `Examples:\n${examples.map(([command, effect]) => `  holdfast ${command}\n${wrapped(effect, '      ')}`).join('\n')}`,
  ]
  return `${parts.filter((part) => part !== undefined).join('\n\n')}\n`
}

/** What stands left is at most so wide; what is wider has its line to itself. */
const LEFT_MAX = 22

/** Pairs beside each other, the right ones in lines below each other. */
export function columns(pairs: readonly (readonly [left: string, right: string])[]): string {
  const width = Math.max(...pairs.map(([{ length }]) => (length > LEFT_MAX ? 0 : length)))
  return pairs
    .map(([left, right]) => {
      const text = wrapped(right, ' '.repeat(width + 4))
      return left.length > width ? `  ${left}\n${text}` : `  ${left.padEnd(width)}  ${text.trimStart()}`
    })
    .join('\n')
}

/** Reads the arguments of a command; a wrong one is a usage error that says what to write instead. */
export function parse<const Table extends Options>(
  { name, options }: Pick<Description, 'name'> & { readonly options: Table },
  args: readonly string[],
): { readonly values: Values<Table>; readonly positionals: readonly string[] } {
  const config: ParseArgsOptionsConfig = {}
  for (const [flag, { type }] of Object.entries(options)) config[flag] = { type }
  // Loose, so that what is wrong can be said in our own words: Node's name neither the nearest option nor the command.
  const { tokens } = parseArgs({ args: [...args], options: config, strict: false, tokens: true })
  const values: Record<string, string | boolean | undefined> = {}
  for (const [flag, { type }] of Object.entries(options)) values[flag] = type === 'boolean' ? false : undefined
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind === 'option') values[token.name] = optionValue(name, options, token)
  }
  return { values: values as Values<Table>, positionals }
}

/** An option as Node's parseArgs found it; `inlineValue`: written with `=`. */
interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
}

function optionValue(
  command: string,
  options: Options,
  { name, rawName, value, inlineValue }: OptionToken,
): string | boolean {
  const see = `\`holdfast ${command} --help\` lists the options.`
  const option = Object.hasOwn(options, name) ? options[name] : undefined
  if (option === undefined) {
    const close = nearest(name, Object.keys(options))
    throw usageError(`there is no option ${rawName}.${close === undefined ? '' : ` Did you mean --${close}?`} ${see}`)
  }
  if (option.type === 'boolean') {
    if (value !== undefined) throw usageError(`${rawName} takes no value: write ${rawName} alone. ${see}`)
    return true
  }
  if (value === undefined) throw usageError(`${rawName} needs a value: ${rawName} ${option.value ?? 'VALUE'}. ${see}`)
  // A value that looks like an option is nearly always one whose value was forgotten.
  if (value.startsWith('--') && !inlineValue)
    throw usageError(`${rawName} needs a value before ${value}; write ${rawName}=${value} if that is one.`)
  return value
}

/** The number an option holds, or its default. */
export function integer(flag: string, value: string | undefined, min: number, max: number): number | undefined {
  if (value === undefined) return undefined
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (number >= min && number <= max) return number
  const bounds = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`
  throw usageError(`--${flag} must be a whole number, ${bounds}, not ${JSON.stringify(value)}.`)
}

/** The word an option holds, one of a few. */
export function oneOf(flag: string, value: string, words: readonly string[]): string {
  if (words.includes(value)) return value
  throw usageError(`--${flag} must be ${words.join(' or ')}, not ${JSON.stringify(value)}.`)
}

/** Exactly these positional arguments, by name. */
export function exactly(command: string, names: readonly string[], positionals: readonly string[]): readonly string[] {
  const missing = names[positionals.length]
  if (missing !== undefined) throw usageError(`${missing} is missing: holdfast ${command} ${names.join(' ')}.`)
  const extra = positionals[names.length]
  if (extra !== undefined)
    throw usageError(
      `${JSON.stringify(extra)} is one too many: holdfast ${command} ${names.join(' ')} (quote what has blanks).`,
    )
  return positionals
}

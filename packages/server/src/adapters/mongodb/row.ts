import { Binary } from 'mongodb'
import { Failure } from '../../ports/failure.ts'
import { decodeText } from './text.ts'

/** A document as the driver gives it. */
export type Raw = Readonly<Record<string, unknown>>

/** One document of a collection, whose fields are read only as what they have to be: somebody may have changed it by hand. */
export class Row {
  readonly #where: string
  readonly #fields: Raw

  constructor(where: string, fields: Raw) {
    this.#where = where
    this.#fields = fields
  }

  static of(collection: string, document: Raw): Row {
    return new Row(`document ${JSON.stringify(document._id)} of the collection ${collection}`, document)
  }

  has(name: string): boolean {
    return this.#value(name) !== undefined
  }

  text(name: string): string {
    const text = this.textIfAny(name)
    return text === undefined ? this.wrong(name, 'a text') : text
  }

  textIfAny(name: string): string | undefined {
    const value = this.#value(name)
    if (value === undefined) return undefined
    const text = typeof value === 'string' ? decodeText(value) : undefined
    return text === undefined ? this.wrong(name, 'a text') : text
  }

  integer(name: string): number {
    const number = this.integerIfAny(name)
    return number === undefined ? this.wrong(name, 'a whole number') : number
  }

  integerIfAny(name: string): number | undefined {
    const value = this.#value(name)
    if (value === undefined) return undefined
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : this.wrong(name, 'a whole number')
  }

  oneOf<T extends string>(name: string, values: Readonly<Record<T, unknown>>): T {
    const value = this.#value(name)
    return isKeyOf(values, value) ? value : this.wrong(name, `one of ${Object.keys(values).join(', ')}`)
  }

  oneOfIfAny<T extends string>(name: string, values: Readonly<Record<T, unknown>>): T | undefined {
    return this.#value(name) === undefined ? undefined : this.oneOf(name, values)
  }

  bytes(name: string): Uint8Array {
    const value = this.#value(name)
    return value instanceof Binary ? Uint8Array.from(value.value()) : this.wrong(name, 'binary data')
  }

  texts(name: string): readonly string[] {
    return this.#list(name).map((value) => {
      const text = typeof value === 'string' ? decodeText(value) : undefined
      return text === undefined ? this.wrong(name, 'a list of texts') : text
    })
  }

  part(name: string): Row {
    return this.#part(name, this.#value(name))
  }

  parts(name: string): readonly Row[] {
    return this.#list(name).map((value) => this.#part(name, value))
  }

  wrong(name: string, wanted: string): never {
    throw new Failure(
      'operator',
      `the ${this.#where} was not written by Holdfast: its ${name} is not ${wanted}. Restore it from a backup`,
    )
  }

  #part(name: string, value: unknown): Row {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Binary)
      return this.wrong(name, 'an object')
    return new Row(`${name} of the ${this.#where}`, Object.fromEntries(Object.entries(value)))
  }

  #list(name: string): readonly unknown[] {
    const value = this.#value(name)
    return Array.isArray(value) ? value : this.wrong(name, 'a list')
  }

  #value(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? (this.#fields[name] ?? undefined) : undefined
  }
}

function isKeyOf<T extends string>(values: Readonly<Record<T, unknown>>, value: unknown): value is T {
  return typeof value === 'string' && Object.hasOwn(values, value)
}

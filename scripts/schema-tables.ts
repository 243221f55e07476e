import { EntrySchema, RoomAboutSchema } from '@holdfast/protocol/schemas'

/** As much of JSON Schema as our schemas use. */
export interface Schema {
  readonly description?: string
  readonly type?: string
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly maxItems?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

/** The fields of an object as a table in Markdown; those of objects inside it stand behind their own, with a dotted name. */
export function fields(schema: Schema): string {
  return ['| field | type | required | |', '|---|---|---|---|', ...rows(schema, '')].join('\n')
}

/** One line of a table; what is in a cell must not end it. */
export function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function rows({ properties = {}, required = [] }: Schema, prefix: string): readonly string[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const path = `${prefix}${name}`
    const own = row(`\`${path}\``, typeName(field), required.includes(name) ? 'yes' : 'no', field.description ?? '')
    const [inner, suffix] = field.type === 'array' ? [field.items, '[].'] : [field, '.']
    return inner === undefined || isNamed(inner) ? [own] : [own, ...rows(inner, `${path}${suffix}`)]
  })
}

/** Schemas that have a section of their own. */
const NAMED: ReadonlyMap<Schema, string> = new Map([
  [EntrySchema as Schema, '[entry](protocol.md#entries)'],
  [RoomAboutSchema as Schema, '[about](protocol.md#about-a-room)'],
])

function isNamed(schema: Schema): boolean {
  return NAMED.has(schema)
}

function typeName(schema: Schema): string {
  const { anyOf, type, items, maxItems, minimum, maximum } = schema
  const name = NAMED.get(schema)
  if (name !== undefined) return name
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (anyOf !== undefined) return anyOf.map(typeName).join(' or ')
  if (type === 'array') {
    const most = maxItems === undefined ? '' : `, at most ${maxItems}`
    return `list of ${items === undefined ? 'anything' : typeName(items)}${most}`
  }
  // What only keeps a number a number is no bound worth a word.
  if (type === 'integer' && minimum !== undefined && maximum !== undefined && maximum < 1_000_000)
    return `integer, ${minimum} to ${maximum}`
  return type ?? 'anything'
}

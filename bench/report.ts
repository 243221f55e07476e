import type { Spread } from './stats.ts'

/** What one part found. It is only made when the work was right; a part whose work was wrong throws. */
export interface PartReport {
  readonly part: string
  readonly tables: readonly Table[]
  readonly goals: readonly Goal[]
  /** Sentences that belong beside the figures. */
  readonly notes: readonly string[]
  /** Everything measured, for the JSON. */
  readonly figures: unknown
}

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** A figure that the project has promised itself. */
export interface Goal {
  readonly what: string
  readonly measured: Spread
  readonly unit: string
  readonly better: 'higher' | 'lower'
  readonly must: number
  readonly aim: number
  /** Why the figure does not count this time. */
  readonly doubt: string | undefined
}

export function printTable({ title, columns, rows }: Table): string {
  const widths = columns.map((column, i) => Math.max(width(column), ...rows.map((row) => width(row[i] ?? ''))))
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, i) => aligned(cell, widths[i] ?? 0, i > 0)).join('  ')}`.trimEnd()
  const rule = line(widths.map((size) => '─'.repeat(size)))
  return [title, line(columns), rule, ...rows.map(line), ''].join('\n')
}

export function goalTable(goals: readonly Goal[]): Table {
  return {
    title: 'Goals (the median counts)',
    columns: ['what', 'min', 'median', 'max', 'must', 'aim', 'verdict'],
    rows: goals.map(({ what, measured, unit, better, must, aim, doubt }) => {
      const sign = better === 'higher' ? '≥' : '≤'
      const cell = (value: number) => `${figure(value)}${unit}`
      return [
        what,
        cell(measured.min),
        cell(measured.median),
        cell(measured.max),
        `${sign} ${cell(must)}`,
        `${sign} ${cell(aim)}`,
        doubt === undefined ? verdict(measured.median, better, must, aim) : `does not count: ${doubt}`,
      ]
    }),
  }
}

/** Three digits that mean something. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(size >= 10 ? 1 : 2)
}

/** median (min–max). */
export function ranged({ min, median, max }: Spread): string {
  return `${figure(median)} (${figure(min)}–${figure(max)})`
}

function verdict(value: number, better: Goal['better'], must: number, aim: number): string {
  const reaches = (bound: number) => (better === 'higher' ? value >= bound : value <= bound)
  if (reaches(aim)) return 'aim reached'
  return reaches(must) ? 'must reached' : 'MISSED'
}

function width(text: string): number {
  return [...text].length
}

function aligned(text: string, size: number, toTheRight: boolean): string {
  const blanks = ' '.repeat(Math.max(0, size - width(text)))
  return toTheRight ? blanks + text : text + blanks
}

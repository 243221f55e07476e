import { styleText } from 'node:util'
import type { Output } from './command.ts'
import { columnsOf, fitted, printable } from './printable.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** Wider cells are cut; the last column never is. */
  readonly columnsMax?: number
}

export type Style = Parameters<typeof styleText>[0]

/** A cell's text comes from anywhere: the table makes it printable. */
export type Cell = string | { readonly text: string; readonly style: Style }

const BETWEEN = '  '

/** Rows under titles, aligned. Further rows may come later: columns only grow. */
export class Table {
  readonly #columns: readonly Column[]
  readonly #widths: number[]
  readonly #output: Output
  #hasTitles = false

  constructor(output: Output, columns: readonly Column[]) {
    this.#output = output
    this.#columns = columns
    this.#widths = columns.map(({ title }) => columnsOf(title))
  }

  async print(rows: readonly (readonly Cell[])[]): Promise<void> {
    const cells = rows.map((row) =>
      row.map((cell) => (typeof cell === 'string' ? printable(cell) : { ...cell, text: printable(cell.text) })),
    )
    for (const row of cells) this.#widen(row)
    const lines = cells.map((row) => this.#line(row))
    if (!this.#hasTitles) lines.unshift(this.#line(this.#columns.map(({ title }) => ({ text: title, style: 'dim' }))))
    this.#hasTitles = true
    await this.#output.write(`${lines.join('\n')}\n`)
  }

  #widen(row: readonly Cell[]): void {
    for (const [i, cell] of row.entries()) {
      const width = Math.min(columnsOf(textOf(cell)), this.#columns[i]?.columnsMax ?? Number.POSITIVE_INFINITY)
      this.#widths[i] = Math.max(this.#widths[i] ?? 0, width)
    }
  }

  #line(row: readonly Cell[]): string {
    const last = this.#columns.length - 1
    const fit = (text: string, i: number) =>
      i === last && this.#columns[i]?.align !== 'right'
        ? text
        : fitted(text, this.#widths[i] ?? 0, this.#columns[i]?.align)
    const styled = row.map((cell, i) => {
      const text = fit(textOf(cell), i)
      return typeof cell === 'string' ? text : coloured(this.#output, cell.style, text)
    })
    return styled.join(BETWEEN).trimEnd()
  }
}

/** The text in a style, where the output shows colours. */
export function coloured(output: Output, style: Style, text: string): string {
  return output.hasColours ? styleText(style, text, { validateStream: false }) : text
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text
}

/** An instant for people: UTC, to the second. */
export function instant(at: number): string {
  return new Date(at)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, '')
}

export function count(number: number): string {
  return number.toLocaleString('en-US')
}

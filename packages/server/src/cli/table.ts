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

export interface Piece {
  readonly text: string
  readonly style?: Style | undefined
}

/** A cell's text comes from anywhere: the table makes it printable. In pieces it keeps their styles in the last column only. */
export type Cell = string | Piece | readonly Piece[]

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
      row.map((cell) => piecesOf(cell).map(({ text, style }) => ({ text: printable(text), style }))),
    )
    for (const row of cells) this.#widen(row)
    const lines = cells.map((row) => this.#line(row))
    if (!this.#hasTitles) lines.unshift(this.#line(this.#columns.map(({ title }) => [{ text: title, style: 'dim' }])))
    this.#hasTitles = true
    await this.#output.write(`${lines.join('\n')}\n`)
  }

  #widen(row: readonly (readonly Piece[])[]): void {
    for (const [i, cell] of row.entries()) {
      const width = Math.min(columnsOf(textOf(cell)), this.#columns[i]?.columnsMax ?? Number.POSITIVE_INFINITY)
      this.#widths[i] = Math.max(this.#widths[i] ?? 0, width)
    }
  }

  #line(row: readonly (readonly Piece[])[]): string {
    const last = this.#columns.length - 1
    const styled = row.map((cell, i) => {
      const align = this.#columns[i]?.align
      if (i === last && align !== 'right') return cell.map((piece) => this.#styled(piece)).join('')
      return this.#styled({ text: fitted(textOf(cell), this.#widths[i] ?? 0, align), style: cell[0]?.style })
    })
    return styled.join(BETWEEN).trimEnd()
  }

  #styled({ text, style }: Piece): string {
    return style === undefined ? text : coloured(this.#output, style, text)
  }
}

/** The text in a style, where the output shows colours. */
export function coloured(output: Output, style: Style, text: string): string {
  return output.hasColours ? styleText(style, text, { validateStream: false }) : text
}

/** A cell without its styles. */
export function plain(cell: Cell): string {
  return textOf(piecesOf(cell))
}

function piecesOf(cell: Cell): readonly Piece[] {
  if (typeof cell === 'string') return [{ text: cell }]
  return 'text' in cell ? [cell] : cell
}

function textOf(cell: readonly Piece[]): string {
  return cell.map(({ text }) => text).join('')
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

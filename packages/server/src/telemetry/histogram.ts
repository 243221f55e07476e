/** How values of one kind are spread: what Prometheus calls a histogram. */
export interface HistogramOptions {
  readonly name: string
  readonly help: string
  /** Upper bounds of the buckets, ascending; what is above the last one falls into a further bucket. */
  readonly bounds: readonly number[]
}

/**
 * Counts values by bucket, in plain numbers. The metrics' library does the same, but looks its buckets up by their bounds written out
 * as text: several times for every message, that was a tenth of the whole server's work.
 */
export class Histogram {
  readonly #options: HistogramOptions
  /** By its labels in the text format, without braces. */
  readonly #series = new Map<string, Series>()

  constructor(options: HistogramOptions) {
    this.#options = options
  }

  /** The values with these labels: to be kept by whoever counts often. */
  with(labels: Readonly<Record<string, string | number>> = {}): Series {
    const key = Object.entries(labels)
      .map(([name, value]) => `${name}="${escaped(String(value))}"`)
      .join(',')
    let series = this.#series.get(key)
    if (series === undefined) {
      series = new Series(this.#options.bounds)
      this.#series.set(key, series)
    }
    return series
  }

  /** In Prometheus' text format; nothing while nothing was counted. */
  text(): string {
    if (this.#series.size === 0) return ''
    const { name, help } = this.#options
    const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`]
    for (const [labels, series] of this.#series) {
      const braced = labels === '' ? '' : `{${labels}}`
      for (const [bound, count] of series.cumulated())
        lines.push(`${name}_bucket{${labels === '' ? '' : `${labels},`}le="${bound}"} ${count}`)
      lines.push(`${name}_sum${braced} ${series.sum}`, `${name}_count${braced} ${series.count}`)
    }
    return `${lines.join('\n')}\n`
  }
}

/** The values of one combination of labels. */
export class Series {
  sum = 0
  count = 0
  readonly #bounds: readonly number[]
  readonly #counts: number[]

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Array(bounds.length).fill(0)
  }

  /** Counts a value, or so many equal ones. */
  observe(value: number, times = 1): void {
    this.sum += value * times
    this.count += times
    for (let i = 0; i < this.#bounds.length; i++) {
      if (value > (this.#bounds[i] ?? 0)) continue
      this.#counts[i] = (this.#counts[i] ?? 0) + times
      return
    }
  }

  /** How many values are not above each bound. */
  *cumulated(): Iterable<readonly [string, number]> {
    let total = 0
    for (const [i, bound] of this.#bounds.entries()) {
      total += this.#counts[i] ?? 0
      yield [String(bound), total]
    }
    yield ['+Inf', this.count]
  }
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Prometheus from 'prom-client'
import { Histogram } from '../../src/telemetry/histogram.ts'

const BOUNDS = [0.001, 0.0025, 1, 10]

test('[OPS3] a histogram says, to the letter, what the metrics library would say of the same values', async () => {
  const ours = new Histogram({ name: 'call_seconds', help: 'Calls.', bounds: BOUNDS })
  const registry = new Prometheus.Registry()
  const labelNames = ['port', 'call']
  const theirs = new Prometheus.Histogram({
    name: 'call_seconds',
    help: 'Calls.',
    buckets: BOUNDS,
    labelNames,
    registers: [registry],
  })
  for (const [call, values] of [
    ['append', [0, 0.001, 0.0011, 0.0025, 0.5, 1]],
    ['a "quoted"\\\nname', [10, 10.5, 1_000]],
  ] as const)
    for (const value of values) {
      const labels = { port: 'log', call }
      ours.with(labels).observe(value)
      theirs.observe(labels, value)
    }
  assert.deepEqual(linesOf(ours.text()), linesOf(await registry.metrics()))
})

test('[OPS3] many equal values count as many; without labels there are no braces, without values no text', () => {
  const histogram = new Histogram({ name: 'stored_seconds', help: 'Stored.', bounds: BOUNDS })
  assert.equal(histogram.text(), '')
  histogram.with().observe(0.5, 100)
  assert.match(histogram.text(), /^stored_seconds_bucket\{le="0.0025"\} 0$/m)
  assert.match(histogram.text(), /^stored_seconds_bucket\{le="1"\} 100$/m)
  assert.match(histogram.text(), /^stored_seconds_bucket\{le="\+Inf"\} 100$/m)
  assert.match(histogram.text(), /^stored_seconds_sum 50\nstored_seconds_count 100$/m)
})

/** Labels may stand in any order. */
function linesOf(text: string): readonly string[] {
  const inOrder = (labels: string) =>
    labels
      .slice(1, -1)
      .split(/,(?=\w+=)/)
      .sort()
      .join()
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/\{.*\}/, inOrder))
    .sort()
}

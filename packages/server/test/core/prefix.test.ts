import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Prefix } from '../../src/core/prefix.ts'

test('[WRK50] what may be committed is the contiguous prefix of finished records, whatever the order in which they finish', () => {
  const step = fc.oneof(fc.record({ read: fc.nat(5) }), fc.record({ finish: fc.nat(50) }))
  fc.assert(
    fc.property(fc.nat(1_000), fc.array(step, { maxLength: 200 }), (start, steps) => {
      const prefix = new Prefix<number>(start)
      // The model: every record ever read, and whether it is finished.
      const read: { offset: number; isFinished: boolean }[] = []
      let end = start
      for (const step of steps) {
        if ('read' in step) {
          const offset = end + step.read
          prefix.open(offset, offset)
          read.push({ offset, isFinished: false })
          end = offset + 1
        } else {
          const record = read[step.finish]
          if (record === undefined) continue
          record.isFinished = true
          prefix.finish(record.offset)
        }
        const open = read.filter(({ isFinished }) => !isFinished).map(({ offset }) => offset)
        assert.equal(prefix.next, open[0] ?? end)
        assert.equal(prefix.oldest, open[0])
        assert.equal(prefix.unfinished, open.length)
        assert.equal(prefix.spread, end - prefix.next)
        const even = open.filter((offset) => offset % 2 === 1)
        assert.equal(
          prefix.nextOnce((offset) => offset % 2 === 0),
          even[0] ?? end,
        )
      }
    }),
  )
})

test('[WRK50] a record read a second time is a fault of the reader', () => {
  const prefix = new Prefix<string>(5)
  prefix.open(7, 'a')
  assert.throws(() => prefix.open(7, 'a'))
  assert.throws(() => prefix.open(3, 'b'))
})

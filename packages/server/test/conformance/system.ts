import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Clock, Random, Sha256 } from '../../src/ports/system.ts'
import { until } from './subject.ts'

export interface System {
  readonly clock: Clock
  readonly random: Random
  readonly sha256: Sha256
}

/** What time, chance and hashes have to keep. */
export function systemConformance(name: string, open: () => System): void {
  describe(`the system of ${name}`, () => {
    const { clock, random, sha256 } = open()

    test('[SYS1] now is in milliseconds of this century, and elapsed never goes back', () => {
      assert.ok(Number.isSafeInteger(clock.now()))
      assert.ok(clock.now() > Date.UTC(2001, 0, 1))
      const readings = Array.from({ length: 1_000 }, () => clock.elapsed())
      assert.ok(readings.every((reading, i) => i === 0 || reading >= (readings[i - 1] ?? reading)))
    })

    test('[SYS2] a sleep ends after its time, or at once when its signal aborts; it never rejects', async () => {
      const before = clock.elapsed()
      await clock.sleep(5)
      assert.ok(clock.elapsed() - before >= 4)
      const abort = new AbortController()
      const long = clock.sleep(2 ** 40, abort.signal)
      abort.abort()
      await long
      await clock.sleep(2 ** 40, abort.signal)
    })

    test('[SYS3] what is scheduled is called once, in the order of the times, and not after a cancel', async () => {
      const calls: string[] = []
      const cancel = clock.after(1, () => calls.push('cancelled'))
      clock.after(8, () => calls.push('second'))
      clock.after(2, () => calls.push('first'))
      cancel()
      cancel()
      await until(() => calls.length === 2, 'both were called')
      assert.deepEqual(calls, ['first', 'second'])
    })

    test('[SYS4] chance is in [0, 1) and differs', () => {
      const drawn = Array.from({ length: 100 }, () => random.next())
      assert.ok(drawn.every((number) => number >= 0 && number < 1))
      assert.ok(new Set(drawn).size > 90)
    })

    test('[SYS5] a hash is SHA-256 of the text in UTF-8, a character for each byte', () => {
      const hex = (text: string) => Buffer.from(sha256(text), 'latin1').toString('hex')
      assert.equal(hex(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
      assert.equal(hex('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
      assert.equal(hex('日本😀'), '78d4df4d900de4faadaae8dfd572f93749c832ac905806eebcab34204d58a725')
      assert.notEqual(hex('e\u0301'), hex('\u00e9'))
    })
  })
}

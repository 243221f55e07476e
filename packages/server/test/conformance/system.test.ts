import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { failpointsFrom } from '../../src/adapters/system/failpoint.ts'
import { createLogger, type LogLevel } from '../../src/adapters/system/logger.ts'
import { failureClass } from '../../src/ports/failure.ts'

const FAILPOINT = fileURLToPath(new URL('../../src/adapters/system/failpoint.ts', import.meta.url))

describe('failpoints', () => {
  test('[SYS6] without a text nothing ever happens', () => {
    for (const text of [undefined, '']) failpointsFrom(text)('store:written')
  })

  test('[SYS6] a failpoint acts once, at its visit, and at its own name only', () => {
    const failpoint = failpointsFrom('store:written=throw@3, feed:before=throw')
    const isAmbiguous = (error: unknown) => failureClass(error) === 'ambiguous'
    failpoint('store:written')
    failpoint('store:committed')
    failpoint('store:written')
    assert.throws(() => failpoint('store:written'), isAmbiguous)
    failpoint('store:written')
    assert.throws(() => failpoint('feed:before'), isAmbiguous)
    failpoint('feed:before')
  })

  test('[SYS6] a text that cannot be read is refused by the part at fault', () => {
    for (const text of [
      'nonsense',
      'store:written',
      'store:written=explode',
      'store:nowhere=kill',
      'store:written=kill@0',
    ])
      assert.throws(() => failpointsFrom(`append:before=throw,${text}`), new RegExp(`"${text}"`))
  })

  test('[SYS6] kill ends the process there and then, with nothing more said', async () => {
    const code = `
      import { failpointsFrom } from ${JSON.stringify(FAILPOINT)}
      const failpoint = failpointsFrom('worker:stored=kill@2')
      for (let i = 1; i < 4; i++) { process.stdout.write(String(i)); failpoint('worker:stored') }
    `
    const { said, signal } = await run(code)
    assert.deepEqual([said, signal], ['12', 'SIGKILL'])
  })
})

describe('the logger', () => {
  test('[SYS7] writes one line of JSON for each event, from its level on, with level, time, fields and the whole error', () => {
    const lines = logged('info', (logger) => {
      logger.debug({ a: 1 }, 'not this')
      logger.info({ a: 1, text: 'two\nlines “😀”' }, 'one')
      logger.warn({}, 'two')
      logger.error({ error: new Error('outer', { cause: new Error('inner') }) }, 'three')
    })
    assert.deepEqual(
      lines.map(({ level, msg, build }) => [level, msg, build]),
      [
        ['info', 'one', 'b1'],
        ['warn', 'two', 'b1'],
        ['error', 'three', 'b1'],
      ],
    )
    const [first, , third] = lines
    assert.equal(first?.text, 'two\nlines “😀”')
    assert.match(String(first?.time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    assert.match(JSON.stringify(third?.error), /outer.*inner/)
  })

  test('[SYS7] silent writes nothing', () => {
    assert.deepEqual(
      logged('silent', (logger) => logger.error({}, 'nothing')),
      [],
    )
  })
})

function logged(level: LogLevel, use: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = []
  use(createLogger({ level, to: { write: (line) => void lines.push(JSON.parse(line)) }, fields: { build: 'b1' } }))
  return lines
}

function run(code: string): Promise<{ said: string; signal: string | undefined }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--input-type=module', '--eval', code], (error, said) =>
      resolve({ said, signal: error?.signal ?? undefined }),
    )
  })
}

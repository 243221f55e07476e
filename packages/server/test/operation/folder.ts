import assert from 'node:assert/strict'
import { holdfast } from '../cli/holdfast.ts'
import { sqliteEngines } from '../support/adapters.ts'

/** The operator's own check finds nothing wrong, beside a running server or without one. */
export async function verify(data: string): Promise<void> {
  const { exit, out, err } = await holdfast(['verify', '--data', data])
  assert.equal(exit, 0, `${out}\n${err}`)
}

/** How many commands of a stopped installation no worker has finished. */
export async function lagOfWorker(data: string): Promise<number> {
  const { logs, close } = sqliteEngines(data, { readOnly: true })
  try {
    const lag = await logs.commands.lag('worker')
    return lag.reduce((sum, { records }) => sum + records, 0)
  } finally {
    await close()
  }
}

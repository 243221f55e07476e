import type { TestResult } from './tests.ts'

interface Event {
  readonly type: string
  readonly data: {
    readonly name?: string
    readonly skip?: boolean | string
    readonly details?: { readonly type?: string; readonly error?: unknown }
  }
}

/** For `node --test --test-reporter`: the end of each test as one line of JSON. */
export default async function* lines(events: AsyncIterable<Event>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    const { name = '', skip, details } = data
    if ((type !== 'test:pass' && type !== 'test:fail') || details?.type === 'suite') continue
    const result: TestResult = { title: name, end: endOf(type, skip), reason: reasonOf(details?.error) }
    yield `${JSON.stringify(result)}\n`
  }
}

function endOf(type: string, skip: boolean | string | undefined): TestResult['end'] {
  if (skip !== undefined && skip !== false) return 'skipped'
  return type === 'test:pass' ? 'green' : 'red'
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  return error.cause instanceof Error ? error.cause.message : error.message
}

import { after } from 'node:test'
import { type EngineName, type OwnEngine, startEngine } from '../../../../engines/index.ts'

/** Where others' engines stand, for those who want the suites to run on them: a real replica set, say. */
const ELSEWHERE: Readonly<Record<string, string | undefined>> = {
  kafka: process.env.HFTEST_KAFKA || undefined,
  mongodb: process.env.HFTEST_MONGODB_URI || undefined,
  search: process.env.HFTEST_SEARCH || undefined,
}

/** An engine as tests see it; `own` is missing where it is somebody else's, which no test may stop. */
export interface TestEngine {
  readonly url: string
  readonly own: OwnEngine | undefined
}

/**
 * Starts an engine for the tests of one file; it ends with them. Where the machine lacks what the engine is built with, that fails in CI, and
 * elsewhere it is told, with what to install, and undefined: then the file has nothing to register.
 */
export async function engineForTests(name: EngineName): Promise<TestEngine | undefined> {
  try {
    const own = await startEngine(name, { progress: (line) => console.error(`engines: ${line}`) })
    after(() => own[Symbol.asyncDispose]())
    return { url: own.url, own }
  } catch (error) {
    if (process.env.CI === 'true' || !isMissingTool(error)) throw error
    console.error(`NOT RUN on ${name}: ${error.message}`)
    return undefined
  }
}

/** The engine that a variable of the tests points to; undefined where none does. */
export function engineElsewhere(kind: 'kafka' | 'mongodb' | 'search'): TestEngine | undefined {
  const url = ELSEWHERE[kind]
  return url === undefined ? undefined : { url, own: undefined }
}

function isMissingTool(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'missing_tool'
}

import type { Scene } from './scene.ts'

/** One thing that the reference page says, and how it is tried. */
export interface Rule {
  readonly name: string
  /** What is done, for the table. */
  readonly done: string
  /** It stops the server, so nothing else may be under way. */
  readonly isAlone?: boolean
  /** Resolves with what was seen where all is well; throws `Broken` or `NotJudged`. */
  check(scene: Scene): Promise<string>
}

export interface Verdict {
  readonly rule: string
  readonly done: string
  readonly verdict: 'pass' | 'fail' | 'not judged'
  readonly seen: string
}

import { type Connect, loadClient } from './client.ts'
import { CLIENT_RULES } from './client-rules.ts'
import type { Rule, Verdict } from './rule.ts'
import { NotJudged, Scene, type SceneOptions } from './scene.ts'
import type { Server } from './server.ts'
import { SERVER_RULES } from './server-rules.ts'

export const PARTS = ['client', 'server'] as const
export type Part = (typeof PARTS)[number]

const RULES: Readonly<Record<Part, readonly Rule[]>> = { client: CLIENT_RULES, server: SERVER_RULES }

export interface CheckOptions {
  readonly server: Server
  readonly part: Part
  readonly clientName: string
  /** Only rules whose name holds this. */
  readonly only: string
  readonly deadlineMs: number
}

/** Tries every rule of one part. Those that leave the server alone are tried side by side: most of their time is waiting. */
export async function check({ server, part, clientName, only, deadlineMs }: CheckOptions): Promise<readonly Verdict[]> {
  const connect: Connect = await loadClient(clientName)
  const options = { server, clientName, connect, deadlineMs }
  const rules = RULES[part].filter(({ name }) => name.includes(only))
  const verdicts = new Map<Rule, Verdict>()
  await Promise.all(
    rules.filter(({ isAlone }) => !isAlone).map(async (rule) => verdicts.set(rule, await judge(rule, options))),
  )
  for (const rule of rules) if (rule.isAlone) verdicts.set(rule, await judge(rule, options))
  return rules.flatMap((rule) => verdicts.get(rule) ?? [])
}

async function judge({ name, done, check }: Rule, options: SceneOptions): Promise<Verdict> {
  try {
    await using scene = new Scene(options)
    return { rule: name, done, verdict: 'pass', seen: await check(scene) }
  } catch (cause) {
    const seen = cause instanceof Error ? cause.message : String(cause)
    return { rule: name, done, verdict: cause instanceof NotJudged ? 'not judged' : 'fail', seen }
  }
}

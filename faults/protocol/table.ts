import type { Verdict } from './rule.ts'

const MARKS: Readonly<Record<Verdict['verdict'], string>> = { pass: '✓', fail: '✗', 'not judged': '–' }

/** What was done and what was seen, rule by rule. */
export function table(title: string, verdicts: readonly Verdict[]): string {
  const rows = [
    { mark: ' ', rule: 'rule', done: 'what was done', seen: 'what was seen' },
    ...verdicts.map(({ verdict, ...row }) => ({ mark: MARKS[verdict], ...row })),
  ]
  const width = (column: 'rule' | 'done') => Math.max(...rows.map((row) => row[column].length))
  const [rule, done] = [width('rule'), width('done')]
  const lines = rows.map((row) => `  ${row.mark} ${row.rule.padEnd(rule)}  ${row.done.padEnd(done)}  ${row.seen}`)
  return `${[title, ...lines, ''].join('\n')}\n`
}

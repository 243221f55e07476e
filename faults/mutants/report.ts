import { citedBy } from './mutant.ts'
import { type Judgement, seconds, type Verdict } from './run.ts'

/** The judgements in columns, and one line that sums them up. */
export function tableOf(judgements: readonly Judgement[]): string {
  const rows = judgements.map((judgement) => {
    const { mutant, ms } = judgement
    return [mutant.undoes, mutant.name, verdictOf(judgement), seconds(ms)]
  })
  const all = [['undoes', 'mutant', 'killed by', 'seconds'], ...rows]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const lines = all.map((row) =>
    row.map((cell, i) => (i === 3 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join('  '),
  )
  return `${lines.join('\n')}\n\n${summary(judgements)}\n`
}

/** Nothing lives that should not, as far as this machine can tell. */
export function isGood({ verdict: { verdict } }: Judgement): boolean {
  return verdict === 'killed' || verdict === 'untried'
}

export function jsonOf(judgements: readonly Judgement[]): string {
  const mutants = judgements.map(({ mutant: { name, undoes, what }, verdict, ms }) => ({
    name,
    undoes,
    what,
    ...verdict,
    ms: Math.round(ms),
  }))
  return `${JSON.stringify({ good: judgements.every(isGood), mutants }, null, 2)}\n`
}

function verdictOf({ mutant: { killedBy }, verdict }: Judgement): string {
  switch (verdict.verdict) {
    case 'killed': {
      const rules = new Set(verdict.by.flatMap(citedBy))
      return killedBy.rules.filter((rule) => rules.has(rule)).join(', ')
    }
    case 'survived':
      return `NOT KILLED: ${verdict.green.join(', ')} stayed green`
    case 'unproven':
      return `NOT SHOWN: ${verdict.why}`
    case 'untried':
      return `not tried: ${verdict.why}`
  }
}

function summary(judgements: readonly Judgement[]): string {
  const count = (wanted: Verdict['verdict']) => judgements.filter(({ verdict }) => verdict.verdict === wanted).length
  const rest = count('untried') === 0 ? '' : `; ${count('untried')} could not be tried on this machine`
  return `${count('killed')} of ${judgements.length} mutants were killed${rest}.`
}

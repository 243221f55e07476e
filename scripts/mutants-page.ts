import { KNOWN_MISTAKES } from '../faults/mutants/known-mistakes.ts'
import type { Mutant } from '../faults/mutants/mutant.ts'
import { type Findings, readFindings, toldOf } from '../faults/mutants/seeds.ts'
import { MUTANTS } from '../faults/mutants/table.ts'
import { row } from './schema-tables.ts'

/**
 * What broke in random schedules of small models of the algorithm, with only that guard left out. Other machinery than the simulator, and
 * other schedules: the shares say which guard is leaned on most, not how often a server would break.
 */
const IN_MODELS: Readonly<Record<string, string>> = {
  R1: '33 % (numbers), 6 % (claims)',
  R2: '5 %',
  R3: '5 % (documents alone), 1 % (numbers only)',
  R4: '0.3 % (renumbering), 3 % (adopting)',
  R5: '0.8 %',
  R6: '1 %',
  R7: '8 %',
  G1: '70 %',
  G2: '33 %',
  G3: '45 %',
  G4: '41 %',
  G5: '3 %',
  G6: '6 %',
  G7: '5 %',
  G8: '4 %',
  G9: '63 %',
  G10: '6 %',
  'unordered bulk': '95 %',
  'upsert that burns numbers': '94 %',
  'commit before write': '54 %',
  'give up without a claim': '70 %',
}

const KINDS = [
  { heading: 'The ten defects', isOne: (mutant: Mutant) => mutant.undoes.startsWith('defect ') },
  { heading: 'The rules of worker and gateway', isOne: isOfRule },
  { heading: 'Known mistakes', isOne: (mutant: Mutant) => !mutant.undoes.startsWith('defect ') && !isOfRule(mutant) },
]

/** Every mutant, with what notices it. */
export function mutantsPage(): string {
  const findings = readFindings()
  const tables = KINDS.map(({ heading, isOne }) => {
    const rows = MUTANTS.filter(isOne)
      .toSorted(byUndone)
      .map((mutant) =>
        row(
          mutant.undoes,
          `\`${mutant.name}\``,
          mutant.what,
          mutant.killedBy.rules.join(', '),
          finding(findings, mutant.name),
        ),
      )
    return `## ${heading}

| undoes | mutant | what is wrong then | what notices | the simulator |
|---|---|---|---|---|
${rows.join('\n')}`
  })
  return `# Guards that are undone

\`npm run mutants\` undoes ${MUTANTS.length} guards, one at a time, each in a copy of the source, and has the tests named here judge the copy: each has to turn red.
The numbers are those of [SPEC.md](../SPEC.md); SIM41 is the simulator, which then has to notice in the first seed of the last column or in one of 60 others.
That column says in how many seeds it notices, whoever else does; \`npm run mutants -- --find-seeds\` looks again, after a change that moves them. What lies outside
of it (SQLite's files, the command line, what is only slow) it cannot see. [ARCHITECTURE.md](../ARCHITECTURE.md#every-guard-undone) sums this up rule by rule.

${tables.join('\n\n')}
`
}

/** Rule by rule, and mistake by mistake. */
export function mutantsSummary(): string {
  const ofRules = Map.groupBy(MUTANTS.filter(isOfRule).toSorted(byUndone), ({ undoes }) => undoes)
  const mistakes = KNOWN_MISTAKES.map(({ mistake, mutants }) => [mistake, mutants.map(named)] as const)
  return `${summary('rule', ofRules)}\n\n${summary('known mistake', mistakes)}`
}

function summary(what: string, undone: Iterable<readonly [string, readonly Mutant[]]>): string {
  const findings = readFindings()
  const rows = [...undone].map(([undoes, mutants]) => {
    const killers = [...new Set(mutants.flatMap(({ killedBy }) => killedBy.rules))].join(', ')
    return row(undoes, String(mutants.length), killers, seenBySimulator(findings, mutants), IN_MODELS[undoes] ?? '')
  })
  return [
    `| ${what} | mutants | what notices | the simulator | in a small model |`,
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

function seenBySimulator(findings: Findings, mutants: readonly Mutant[]): string {
  const noticed = mutants.flatMap(({ name }) => findings[name] ?? []).filter(({ first }) => first !== undefined)
  const [best] = noticed.toSorted((a, b) => b.noticed / b.of - a.noticed / a.of)
  if (best === undefined) return 'none'
  const share = (100 * best.noticed) / best.of
  const percent = share < 10 ? share.toFixed(1) : share.toFixed(0)
  return `${noticed.length} of ${mutants.length}; at best ${percent} %, first in seed ${best.first}`
}

function finding(findings: Findings, name: string): string {
  const found = findings[name]
  return found === undefined ? '' : toldOf(found)
}

function isOfRule({ undoes }: Mutant): boolean {
  return /^[RG]\d+$/.test(undoes)
}

/** Rules of the worker, rules of the gateway, and what has no number in the order of the table. */
function byUndone(a: Mutant, b: Mutant): number {
  return placeOf(a.undoes) - placeOf(b.undoes)
}

function placeOf(undoes: string): number {
  const [, kind, number] = /^([RG])(\d+)$/.exec(undoes) ?? []
  return Number(number ?? 0) + (kind === 'G' ? 100 : 0)
}

function named(name: string): Mutant {
  const mutant = MUTANTS.find((mutant) => mutant.name === name)
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`)
  return mutant
}

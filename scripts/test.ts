// Runs every test: see `--help`.
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const HELP = `Runs every test.

Usage: npm test -- [PART …]

PART is part of a file's path: only files whose path holds one of them are run. "npm test -- cli" runs the tests of the command line.
`

const root = fileURLToPath(new URL('..', import.meta.url))
const parts = process.argv.slice(2)
const option = parts.find((part) => part.startsWith('-'))
if (option !== undefined) {
  const isHelp = option === '--help' || option === '-h'
  if (isHelp) process.stdout.write(HELP)
  else process.stderr.write(`test: there is no option ${option}. \`npm test -- --help\` says more.\n`)
  process.exit(isHelp ? 0 : 2)
}
const files = globSync('{packages/*,faults,bench,engines}/**/*.test.ts', {
  cwd: root,
  exclude: ['**/node_modules/**', '**/dist/**'],
})
  .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
  .sort()
if (files.length === 0) {
  console.error(`No test file's path holds ${parts.join(' or ')}.`)
  process.exit(2)
}

const child = spawn(
  process.execPath,
  ['--conditions=@holdfast/source', '--test', '--test-concurrency=2', '--test-timeout=600000', ...files],
  {
    cwd: root,
    stdio: 'inherit',
  },
)
child.on('exit', (code, signal) => process.exit(signal === null ? code : 1))

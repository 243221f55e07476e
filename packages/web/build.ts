// Builds the chat page into dist: `node node26.mjs packages/web/build.ts`; with --if-stale only where a source is newer than what was built.
import { globSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('.', import.meta.url))
const built = `${root}dist/index.html`
const SOURCES = [
  'index.html',
  'build.ts',
  'package.json',
  'public/**',
  'src/**',
  '../client/src/**',
  '../protocol/src/**',
  '../../package-lock.json',
]

if (!process.argv.includes('--if-stale') || isStale()) await buildPage()

async function buildPage(): Promise<void> {
  const startedAt = performance.now()
  // Only now: an installation without development's packages has a built page and no Vite.
  const { build } = await import('vite')
  const mode = 'production'
  // What is half built must not look fresh: the page itself is gone until all of it is there.
  rmSync(built, { force: true })
  await build({
    root,
    mode,
    configFile: false,
    logLevel: 'warn',
    resolve: { conditions: ['@holdfast/source', 'module', 'browser', 'development|production'] },
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    // Nothing is inlined: the page's policy loads files only.
    build: {
      outDir: 'dist',
      emptyOutDir: true,
      target: 'es2022',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
  })
  console.log(`The chat page was built in ${Math.round(performance.now() - startedAt)} ms.`)
}

function isStale(): boolean {
  const builtAt = changedAt(built)
  return builtAt === undefined || sources().some((file) => (changedAt(file) ?? 0) > builtAt)
}

function sources(): string[] {
  return globSync(SOURCES, { cwd: root }).map((file) => root + file)
}

function changedAt(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs
}

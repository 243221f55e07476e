import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
const PAGES = globSync('{*.md,docs/*.md}', { cwd: ROOT })

test('[DOC5] every link of a page leads to a file, and to a heading of it', () => {
  const broken = PAGES.flatMap((page) =>
    linksOf(page)
      .filter((link) => !/^https?:/.test(link))
      .filter((link) => {
        const [path = '', heading] = link.split('#')
        const file = path === '' ? join(ROOT, page) : resolve(ROOT, dirname(page), path)
        return !existsSync(file) || (heading !== undefined && !anchorsOf(file).has(heading))
      })
      .map((link) => `${page}: ${link}`),
  )
  assert.deepEqual(broken, [])
  assert.ok(linksOf('docs/http.md').includes('protocol.md#entries'), 'links are found')
})

test('[DOC5] every file and folder that ARCHITECTURE.md names is there', () => {
  const named = [...readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8').matchAll(/`([\w.-]+\/[\w./-]+)`/g)].map(
    ([, path = '']) => path,
  )
  assert.ok(named.length > 30, 'paths are found')
  const absent = named.filter(
    (path) => ![ROOT, join(ROOT, 'packages/server/src')].some((at) => existsSync(join(at, path))),
  )
  assert.deepEqual(absent, [])
})

function linksOf(page: string): readonly string[] {
  const text = readFileSync(join(ROOT, page), 'utf8').replace(/```[\s\S]*?```/g, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(file: string): ReadonlySet<string> {
  const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading)
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

import { hash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import { Problem } from '../core/problem.ts'
import { type Answer, type AnyRoute, type OpenCall, route } from './route.ts'

/** What the page may load: itself. Whatever somebody manages to write into a message, no browser runs it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "manifest-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
}
const FILES_MAX = 200

interface File {
  readonly content: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

/**
 * The built chat page. Its few files are read once, at the first request, and served from memory: no path of a request ever reaches the disk.
 * Without a built page `/` says so.
 */
export function pageRoutes(folder: string | undefined): readonly AnyRoute[] {
  let files: Promise<ReadonlyMap<string, File>> | undefined
  const load = () => {
    files ??= readFiles(folder).catch((error) => {
      files = undefined
      throw error
    })
    return files
  }
  const get = (path: string, file: (call: OpenCall) => string) =>
    route({
      method: 'GET',
      path,
      summary: 'A file of the chat page.',
      access: 'open',
      answers: { 200: 'The file.', 304: 'It is still what `if-none-match` names.' },
      errors: { NOT_FOUND: 'It is no part of the page, or the page is not built.' },
      handle: async (call) => answer((await load()).get(file(call)), call),
    })
  return [
    get('/', () => 'index.html'),
    get('/favicon.svg', () => 'favicon.svg'),
    get('/favicon.ico', () => 'favicon.ico'),
    get('/manifest.webmanifest', () => 'manifest.webmanifest'),
    get('/assets/:file', ({ params }) => `assets/${params.file}`),
  ]
}

function answer(file: File | undefined, { header }: OpenCall): Answer {
  if (file === undefined)
    throw new Problem('NOT_FOUND', 'This is no part of the page, or the page is not built: npm start builds it.')
  if (header('if-none-match') === file.headers.etag) return { status: 304, content: '', headers: file.headers }
  return { status: 200, ...file }
}

async function readFiles(folder: string | undefined): Promise<ReadonlyMap<string, File>> {
  const files = new Map<string, File>()
  if (folder === undefined) return files
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  for (const entry of entries.filter((entry) => entry.isFile()).slice(0, FILES_MAX)) {
    const path = join(entry.parentPath, entry.name)
    const name = relative(folder, path).split(sep).join('/')
    const content = await readFile(path)
    files.set(name, { content, headers: headersOf(name, content) })
  }
  return files
}

function headersOf(name: string, content: Uint8Array): Readonly<Record<string, string>> {
  return {
    'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
    etag: `"${hash('sha256', content, 'base64url').slice(0, 22)}"`,
    // The build puts a hash of the content into the name of an asset; the page itself names them, so it is asked for each time.
    'cache-control': name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    'content-security-policy': POLICY,
    'cross-origin-opener-policy': 'same-origin',
  }
}
